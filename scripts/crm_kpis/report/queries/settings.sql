-- One row: what the numbers are in.
select reporting_currency
from marts.reporting_settings
