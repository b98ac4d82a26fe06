-- One row per dimension of the company's own.
select
    published_as as dimension,
    label_en,
    label_de
from marts.dim_own_columns
where is_dimension
