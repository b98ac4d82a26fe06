{#
    Segments: the members of the dimensions by which measures are split.

    Macros: segment, segment_column, segment_member, company_size.
#}

{#
    The member of a segment dimension that a row belongs to: the looked-up value; '(none)' where the row has no key or the looked-up record has no
    value; '(unknown)' where its key matches nothing. So a fact keeps every row, and segments add up to the total.

        {{ segment('users.team', key='deals.owner_id', found='users.user_id') }} as team
        {{ segment('deals.pipeline') }} as pipeline

    value  the looked-up column
    key    the column that holds the key; without it the value is the row's own and NULL is '(none)'
    found  the key column of the looked-up relation: NULL where nothing matched
#}
{% macro segment(value, key=none, found=none) -%}
    {%- if key is none -%}
        coalesce({{ value }}, '(none)')
    {%- else -%}
        coalesce({{ value }}, case when {{ key }} is not null and {{ found }} is null then '(unknown)' else '(none)' end)
    {%- endif -%}
{%- endmacro %}


{# The column of a fact that holds a segment dimension: owner_id for owner, raw_table for table, team for team. #}
{% macro segment_column(dimension) -%}
    {{ return('raw_table' if dimension == 'table' else dimension ~ '_id' if dimension in ['owner', 'product', 'campaign', 'project'] else dimension) }}
{%- endmacro %}


{#
    The columns segment_by and segment of the rows of a fact for one segment dimension, or for the total, which is the dimension 'all'.

        {{ segment_member('owner') }}

    renders `'owner' as segment_by, owner_id as segment`, each on a line of its own.
#}
{% macro segment_member(dimension) -%}
        '{{ dimension }}' as segment_by,
        {{ "'all'" if dimension == 'all' else crm_kpis.segment_column(dimension) }} as segment
{%- endmacro %}


{#
    The band of a number of employees, the segment company_size: 1-9, 10-49, 50-249, 250+; '(none)' where it is not given.

        {{ company_size('employee_count') }} as company_size
#}
{% macro company_size(employee_count) -%}
    case
        when {{ employee_count }} < 10 then '1-9'
        when {{ employee_count }} < 50 then '10-49'
        when {{ employee_count }} < 250 then '50-249'
        when {{ employee_count }} >= 250 then '250+'
        else '(none)'
    end
{%- endmacro %}
