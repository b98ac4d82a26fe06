select
    raw_table,
    column_name,
    coalesce(published_as, column_name) as published_as,
    coalesce(label_en, published_as, column_name) as label_en,
    coalesce(label_de, label_en, published_as, column_name) as label_de,
    coalesce(is_personal, 'no') = 'yes' as is_personal,
    coalesce(kpis, '') <> '' as is_dimension
from {{ source('settings', 'own_columns') }}
