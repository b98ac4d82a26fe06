{#
    Macros: add_own_kpis, add_own_splits, replace_values, own_kpi_rows, usual_change_from, add_own_measure_inputs.
#}

{#
    Adds the KPIs of a company, own_kpis.csv of its settings, to the catalogue: a hook of the seed kpi_catalogue, which dbt loads anew in every
    build. So all that reads the catalogue knows them, and unit tests go on reading the shipped one.

        +post-hook: "{{ crm_kpis.add_own_kpis() }}"
#}
{% macro add_own_kpis() -%}
    {#- Without the plugin nobody has registered the settings (another engine). -#}
    {%- if not execute or not crm_kpis.settings_plugin() -%}
        {{ return('') }}
    {%- endif -%}
    insert into {{ this }} (
        kpi_id, area, label_en, label_de, unit, good, aggregation, numerator, denominator, squares, sample_measure, per_unit, interval_method,
        dated_by, length_effect, usual_change_from, look_back, waits_for, matures_in_days, segments, compared_across,
        formula_en, formula_de, description_en, description_de, source
    )
    {{ crm_kpis.own_kpi_rows() }}
{%- endmacro %}


{#
    Adds the own columns of a company to the dimensions of the KPIs that they split: a hook of the seed kpi_catalogue after add_own_kpis.

        +post-hook: ["{{ crm_kpis.add_own_kpis() }}", "{{ crm_kpis.add_own_splits() }}"]
#}
{% macro add_own_splits() -%}
    {%- set splits = (crm_kpis.settings_plugin().own_splits or {}) if execute else {} -%}
    {%- if not splits -%}
        {{ return('') }}
    {%- endif -%}
    {%- set segments -%}
        concat_ws(
            '|',
            nullif(segments, '')
            {%- for dimension, kpi_ids in splits.items() -%}
            , case when kpi_id in ('{{ kpi_ids | join("', '") }}') then '{{ dimension }}' end
            {%- endfor -%}
        )
    {%- endset -%}
    {{ return(crm_kpis.replace_values('segments', "nullif(" ~ segments ~ ", '')")) }}
{%- endmacro %}


{#
    Computes a column of the table that a hook belongs to anew, in each row.

    column      its name
    expression  its value, from the columns of the row
#}
{% macro replace_values(column, expression) -%}
    {{ return(adapter.dispatch('replace_values', 'crm_kpis')(column, expression)) }}
{%- endmacro %}

{% macro duckdb__replace_values(column, expression) -%}
    update {{ this }} set {{ column }} = {{ expression }}
{%- endmacro %}

{# Spark updates no Parquet, and does not overwrite a table by what it reads of it. #}
{% macro default__replace_values(column, expression) -%}
    {%- set replaced = this ~ '__replaced' -%}
    {%- set columns = [] -%}
    {%- for found in adapter.get_columns_in_relation(this) -%}
        {%- do columns.append(expression ~ ' as ' ~ column if found.name == column else found.name) -%}
    {%- endfor -%}
    {%- call statement('drop_old') -%} drop table if exists {{ replaced }} {%- endcall -%}
    {%- call statement('replace') -%} create table {{ replaced }} using parquet as select {{ columns | join(', ') }} from {{ this }} {%- endcall -%}
    {%- call statement('put_back') -%} insert overwrite {{ this }} select * from {{ replaced }} {%- endcall -%}
    drop table {{ replaced }}
{%- endmacro %}


{#
    Renders the query for the rows of own_kpis.csv as the catalogue has them, in the order of the columns that add_own_kpis names.

        insert into kpi_catalogue (kpi_id, ...) {{ own_kpi_rows() }}

    What a row leaves empty is filled in: a total is proportional to the length of its period and counts itself, a rate is not. A total that
    does not depend on the length is a stock, and so is what a shipped KPI reads at the end of its periods.
#}
{% macro own_kpi_rows() -%}
    {%- set length_effect -%}
        coalesce(length_effect, case when aggregation = 'total' and dated_by_event <> 'end of period' then 'proportional' else 'none' end)
    {%- endset -%}
    select
        kpi_id,
        area,
        label_en,
        coalesce(label_de, label_en) as label_de,
        unit,
        good,
        aggregation,
        numerator,
        denominator,
        squares,
        coalesce(sample_measure, case when aggregation <> 'ratio' then numerator end) as sample_measure,
        coalesce(per_unit, 1) as per_unit,
        coalesce(interval_method, 'none') as interval_method,
        dated_by_event as dated_by,
        {{ length_effect }} as length_effect,
        {{ crm_kpis.usual_change_from('dated_by_event', length_effect) }} as usual_change_from,
        'none' as look_back,
        'none' as waits_for,
        matures_in_days,
        segments,
        compared_across,
        coalesce(formula_en, numerator || coalesce(' / ' || denominator, '')) as formula_en,
        coalesce(formula_de, formula_en, numerator || coalesce(' / ' || denominator, '')) as formula_de,
        coalesce(description_en, label_en) as description_en,
        coalesce(description_de, description_en, label_de, label_en) as description_de,
        'own' as source
    from (
        select
            own_kpis.*,
            coalesce(
                own_kpis.dated_by,
                case
                    when stocks.measure is not null or (own_kpis.aggregation = 'total' and own_kpis.length_effect = 'none')
                        then 'end of period'
                    else 'its measures'
                end
            ) as dated_by_event
        from {{ source('settings', 'own_kpis') }} as own_kpis
        left join (
            select numerator as measure
            from {{ this }}
            where dated_by = 'end of period' and source <> 'own'
            union
            select denominator as measure
            from {{ this }}
            where dated_by = 'end of period' and source <> 'own'
        ) as stocks on own_kpis.numerator = stocks.measure
    ) as events
{%- endmacro %}


{#
    Which values show how much a KPI usually changes: 'period ends' of what is read at the end of a period, 'whole periods' of what depends
    on their length in a way of its own, 'weeks' of all else.

        {{ usual_change_from('dated_by', 'length_effect') }} as usual_change_from
#}
{% macro usual_change_from(dated_by, length_effect) -%}
    case
        when {{ dated_by }} = 'end of period' then 'period ends'
        when {{ length_effect }} = 'other' then 'whole periods'
        else 'weeks'
    end
{%- endmacro %}


{#
    Adds to the seed measure_inputs what the measures of a company's own models need: a hook of the seed, like add_own_kpis. The plugin derives it
    (scripts/crm_kpis/catalogue/inputs.py).

        +post-hook: "{{ crm_kpis.add_own_measure_inputs() }}"
#}
{% macro add_own_measure_inputs() -%}
    {%- set inputs = (crm_kpis.settings_plugin().own_inputs or []) if execute else [] -%}
    {%- if not inputs -%}
        {{ return('') }}
    {%- endif -%}
    insert into {{ this }} (measure, input_number, raw_table, raw_column, accepted_value)
    values
    {% for input in inputs -%}
    (
        '{{ input.measure }}', {{ input.number }}, '{{ input.raw_table }}', '{{ input.raw_column }}',
        {{ "'" ~ input.accepted_value ~ "'" if input.accepted_value else 'null' }}
    ){{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}
