{#
    Measures: additive quantities of a fact, by period and by segment. A measure is one line of real SQL, `<aggregate> as <name>`, in the call
    block of one of these macros. Each macro renders a query of the columns

        period_id, segment_by, segment, measure, value

    with segment_by 'all' and segment 'all' for the total. Values are DECIMAL(38, 12): sums of decimals and integers are the same in every
    run, sums of doubles are not. A measure without a value (a sum of nothing) has no row.

    A model of another project calls them by the package's name, `{% call crm_kpis.flow_measures(...) %}`, and so do the macros themselves: dbt
    looks for a name without it in the project of the model.

    A unit test that is about one measure or a few names them, and the dimensions to split them by, so that it need not list all that its
    model has: `overrides: {vars: {tested_measures: [deals_won], tested_segments: [team]}}`.

    Macros: measure_type, parse_measures, tested_segments, own_dimensions, union_own_dimensions, no_measures, aggregate_by_segment,
    unpivot_measures, period_measures, period_query, sum_of_squares.
#}

{% macro measure_type() %}{{ return('decimal(38, 12)') }}{% endmacro %}


{# The lines of a call block as a list of {name, expression}, without comments. #}
{% macro parse_measures(block) %}
    {% set measures = [] %}
    {% for line in block.strip().splitlines() if line.strip() and not line.strip().startswith('--') %}
        {% set parts = line.strip().rstrip(',').rsplit(' as ', 1) %}
        {% if parts | length != 2 %}
            {{ exceptions.raise_compiler_error("a measure is one line, `<aggregate> as <name>`, and this is not: " ~ line.strip()) }}
        {% endif %}
        {% if not var('tested_measures', []) or parts[1] in var('tested_measures') %}
            {% do measures.append({'expression': parts[0], 'name': parts[1]}) %}
        {% endif %}
    {% endfor %}
    {{ return(measures) }}
{% endmacro %}


{# The segment dimensions of a model, or those that a unit test names. #}
{% macro tested_segments(segments) %}
    {{ return(var('tested_segments', segments)) }}
{% endmacro %}


{#
    The dimensions of the company's own columns (own_columns.csv) by which the model that is compiled splits its measures, too: those of the KPIs
    that a row lists. Without those that the model has anyway.

        {%- set own = crm_kpis.own_dimensions(['owner', 'team']) -%}
#}
{% macro own_dimensions(segments) %}
    {% set own = [] %}
    {% if execute and model is defined and model.resource_type != 'unit_test' %}
        {% for dimension in (crm_kpis.settings_plugin().own_dimensions or {}).get(model.name, []) if dimension not in segments %}
            {% do own.append(dimension) %}
        {% endfor %}
    {% endif %}
    {{ return(own) }}
{% endmacro %}


{#
    Renders what adds the rows by own dimensions to a query of measures: the same query by other dimensions, without the total, which is there
    already. The two comments tell what is no part of the definition of a measure (scripts/crm_kpis/published/measure_hashes.py), so that
    another dimension makes no other measure of it.

    query    the query of the measures by the own dimensions
    columns  its columns
#}
{% macro union_own_dimensions(query, columns=['period_id', 'segment_by', 'segment', 'measure', 'value']) %}

/* own dimensions */
union all
select {{ columns | join(', ') }}
from (
{{ query }}
) as by_own_dimension
where segment_by <> 'all'
/* end of own dimensions */
{%- endmacro %}


{# Renders the query of a call block without a measure, such as the one of a new project: it has no row. #}
{% macro no_measures() -%}
    select
        cast(null as bigint) as period_id,
        cast(null as {{ dbt.type_string() }}) as segment_by,
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as measure,
        cast(null as {{ crm_kpis.measure_type() }}) as value
    where false
{%- endmacro %}


{#
    Renders `select <keys>, segment_by, segment, <measures>` grouped for the total and for each segment: one plain GROUP BY each, which
    engines run many times faster than GROUPING SETS.

    relation  what to read
    keys      dict of output name to expression, grouped by beside the segment
    segments  segment dimensions
    measures  list of {name, expression}
    sign      '-' to subtract
    where     a condition, or none
#}
{% macro aggregate_by_segment(relation, keys, segments, measures, sign='', where=none) -%}
    {%- for dimension in ['all'] + segments %}
    select
        {%- for name, expression in keys.items() %}
        {{ expression }} as {{ name }},
        {%- endfor %}
        {{ crm_kpis.segment_member(dimension) }},
        {%- for measure in measures %}
        {{ sign }}cast({{ measure.expression }} as {{ crm_kpis.measure_type() }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    {%- if where %}
    where {{ where }}
    {%- endif %}
    group by {{ keys.values() | join(', ') }}{{ ', ' ~ crm_kpis.segment_column(dimension) if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# Renders the columns of a wide table of measures, one row a period and segment, as rows. #}
{% macro unpivot_measures(relation, measures) -%}
    select
        period_id,
        segment_by,
        segment,
        measure,
        value
    from {{ relation }}
    unpivot include nulls (value for measure in ({{ measures | map(attribute='name') | join(', ') }}))
    where value is not null
{%- endmacro %}


{#
    Everything that cannot be summed over days, from rows that carry their period already (employees of a period).

        {% call period_measures(ref('int_employee_periods'), segments=['team']) %}
            count(*) as employees
        {% endcall %}
#}
{% macro period_measures(relation, segments) -%}
{%- set measures = crm_kpis.parse_measures(caller()) -%}
{%- if not measures -%}{{ return(crm_kpis.no_measures()) }}{%- endif -%}
{%- set segments = crm_kpis.tested_segments(segments) -%}
{%- set own = crm_kpis.own_dimensions(segments) -%}
{{ crm_kpis.period_query(relation, segments, measures) }}
{{- crm_kpis.union_own_dimensions(crm_kpis.period_query(relation, own, measures)) if own }}
{%- endmacro %}


{# The query of period_measures, of parsed measures. #}
{% macro period_query(relation, segments, measures) -%}
with

by_period as (
    {{ crm_kpis.aggregate_by_segment(relation, {'period_id': 'period_id'}, segments, measures) }}
)

{{ crm_kpis.unpivot_measures('by_period', measures) }}
{%- endmacro %}


{#
    The sum of squares of a column, from which the interval of its mean follows.

        {{ sum_of_squares('amount') }} filter (where is_won) as won_amount_squares

    column  the column
    scale   its digits after the dot

    Each square is rounded to a measure's digits, so that segments add up.
#}
{% macro sum_of_squares(column, scale=4) -%}
    {%- set wide = 'cast(' ~ column ~ ' as decimal(' ~ crm_kpis.factor_digits() ~ ', ' ~ scale ~ '))' -%}
    sum(try_cast({{ wide }} * {{ wide }} as {{ crm_kpis.measure_type() }}))
{%- endmacro %}
