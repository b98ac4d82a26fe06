"""Vendors' tables as loaders land them, mapped to the raw contract before staging.

A layout (layouts/<vendor>.yml) says where each loader puts what. The meaning of a contract table stands in
<vendor>/<table>.sql, a SELECT over the vendor's entities that knows no loader.
"""
