{#
    Macros: add_own_kpis, add_own_measure_inputs.
#}

{#
    Adds the KPIs of a company, own_kpis.csv of its settings, to the catalogue: a hook of the seed kpi_catalogue, which dbt loads anew in every
    build. So all that reads the catalogue knows them, and unit tests go on reading the shipped one.

        +post-hook: "{{ crm_kpis.add_own_kpis() }}"

    The own columns of a company (own_columns.csv) are dimensions of the KPIs that they list.

    What a row leaves empty is filled in: a total is proportional to the length of its period and counts itself, a rate is not.
#}
{% macro add_own_kpis() -%}
    {#- Without the plugin nobody has registered the settings (another engine). -#}
    {%- if not execute or not crm_kpis.settings_plugin() -%}
        {{ return('') }}
    {%- endif -%}
    insert into {{ this }} (
        kpi_id, area, label_en, label_de, unit, good, aggregation, numerator, denominator, squares, sample_measure, per_unit, interval_method,
        dated_by, length_effect, usual_change_from, look_back, matures, matures_in_days, segments, compared_across,
        formula_en, formula_de, description_en, description_de, source
    )
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
        coalesce(dated_by, 'its measures') as dated_by,
        coalesce(length_effect, case when aggregation = 'total' then 'proportional' else 'none' end) as length_effect,
        case when aggregation = 'median' then 'whole periods' else 'weeks' end as usual_change_from,
        'none' as look_back,
        coalesce(matures, 'none') as matures,
        matures_in_days,
        segments,
        compared_across,
        coalesce(formula_en, numerator || coalesce(' / ' || denominator, '')) as formula_en,
        coalesce(formula_de, formula_en, numerator || coalesce(' / ' || denominator, '')) as formula_de,
        coalesce(description_en, label_en) as description_en,
        coalesce(description_de, description_en, label_de, label_en) as description_de,
        'own' as source
    from {{ source('settings', 'own_kpis') }};

    {% for dimension, kpi_ids in (crm_kpis.settings_plugin().own_splits or {}).items() %}
    update {{ this }}
    set segments = case when coalesce(segments, '') = '' then '{{ dimension }}' else segments || '|{{ dimension }}' end
    where kpi_id in ('{{ kpi_ids | join("', '") }}');
    {% endfor %}
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
