-- Rates are what the corporate currency is worth in the other one.
select
    currency,
    valid_from,
    1 / nullif(try_cast(rate as double), 0) as rate
from conversion_rate
