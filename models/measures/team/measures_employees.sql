{% call period_measures(ref('int_employee_periods'), segments=['team']) %}
    count(*) filter (where is_employed) as employees
    count(*) filter (where is_employed and is_active) as employees_active
    count(*) filter (where is_employed and activities_by_hand > 0) as employees_with_activity_by_hand
    sum(activities_by_hand) filter (where is_employed) as activities_by_hand
    {{ sum_of_squares('activities_by_hand') }} filter (where is_employed) as activities_by_hand_squares
    count(internal_channels) as employees_with_internal_activity
    sum(internal_channels) as internal_channels
    {{ sum_of_squares('internal_channels') }} as internal_channels_squares
{% endcall %}
