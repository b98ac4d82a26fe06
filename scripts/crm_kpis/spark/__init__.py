"""Builds the marts on Apache Spark by dbt-spark: the same models, and what they make is published as ever."""
