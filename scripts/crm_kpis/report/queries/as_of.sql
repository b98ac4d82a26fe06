-- One row: the last day that counts; NULL where no table holds an event with a date.
select max(as_of) as as_of
from marts.reporting_window
