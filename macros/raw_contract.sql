{#
    The raw contract at work: the checks of models/staging/_sources.yml as SQL. Everything here is rendered from that file's metadata, so a
    new column, accepted value or check is a line there and nothing here.

    Macros: raw_table, value_or_default, with_defaults, is_id, row_key, row_as_json, computed_once, columns_named_in, day_of,
    rejected_rows_of, first_failures, rejected_values_of, value_in_row.
#}

{# The contract's entry for a raw table: its columns, the company's own ones among them, and config.meta. Only there when dbt executes, not while it parses. #}
{% macro raw_table(name) %}
    {% for node in graph.sources.values() if node.source_name == 'raw' and node.name == name %}
        {% set own = crm_kpis.own_contract_columns(name) %}
        {{ return(dict(node, columns=dict(node.columns, **own)) if own else node) }}
    {% endfor %}
    {{ exceptions.raise_compiler_error("raw contract: no table " ~ name ~ " in the source `raw`") }}
{% endmacro %}


{#
    A column of a raw table, or what the contract takes where it is empty (config.meta.default, SQL over the other columns).

        {{ value_or_default('survey_responses', 'scale_min', 'responses.scale_min') }} as lowest

    value  SQL of the column; its name where none is given
#}
{% macro value_or_default(table_name, column_name, value=none) -%}
    coalesce({{ value or column_name }}, {{ raw_defaults()[table_name][column_name] }})
{%- endmacro %}


{# A check of the contract as SQL: each column that has a default is that where it is empty. #}
{% macro with_defaults(table_name, condition) -%}
    {%- set parts = [condition] -%}
    {%- for column in raw_defaults().get(table_name, {}) -%}
        {%- do parts.append(modules.re.sub('\\b' ~ column ~ '\\b', value_or_default(table_name, column), parts[-1])) -%}
    {%- endfor -%}
    {{ return(parts[-1]) }}
{%- endmacro %}


{#
    Whether a column of a raw table is an id: a part of the key, or a reference. Facts call a missing key '(none)', and one that matches nothing
    '(unknown)', so no id may be one of these.
#}
{% macro is_id(column, table) %}
    {{ return(column.data_type == 'text' and (column.name in table.config.meta.key or column.config.meta.references is defined)) }}
{% endmacro %}


{# The key of a raw row as one text, its columns joined by '|': '(none)' stands for a missing part. A prefix goes before their names. #}
{% macro row_key(table, prefix='') -%}
    {%- for column in table.config.meta.key -%}
        coalesce({{ to_text(prefix ~ column) }}, '(none)'){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#
    The columns of a raw row as one JSON object, as text. A NULL is in it, too.

        {{ row_as_json(raw_table('deals').columns.values()) }} as raw_row
#}
{% macro row_as_json(columns) -%}
    {{ return(adapter.dispatch('row_as_json', 'crm_kpis')(columns)) }}
{%- endmacro %}

{% macro duckdb__row_as_json(columns) -%}
    cast(json_object({% for column in columns %}'{{ column.name }}', {{ column.name }}{{ ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}

{% macro default__row_as_json(columns) -%}
    to_json(
        named_struct(
            {%- for column in columns %}
            '{{ column.name }}', {{ 'cast(' ~ column.name ~ ' as string)' if column.data_type == 'timestamp' else column.name }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        ),
        map('ignoreNullFields', 'false')
    )
{%- endmacro %}


{#
    Renders what stands before the parenthesis of a CTE that is read several times, and costs more to compute again than to keep. On Spark the
    macro compute_once finds such CTEs.
#}
{% macro computed_once() -%}
    {{ return(adapter.dispatch('computed_once', 'crm_kpis')()) }}
{%- endmacro %}

{% macro duckdb__computed_once() -%} materialized {%- endmacro %}

{% macro default__computed_once() -%}{%- endmacro %}


{# The columns whose names stand in one of the expressions. Engines drop a column that nobody reads, but only once they have planned it. #}
{% macro columns_named_in(expressions, columns) -%}
    {%- set text = expressions | join(' ') -%}
    {%- set found = [] -%}
    {%- for column in columns if column.name in text -%}
        {%- do found.append(column) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{# The name under which a check reads the day of a timestamp, in the reporting time zone: created_on of created_at. #}
{% macro day_of(column) -%}
    {{ return(column.name.removesuffix('_at') ~ '_on') }}
{%- endmacro %}


{#
    Renders a query of the rows of one raw table that fail the contract, with the first check that each fails. Required values and types
    come first, then the table's row_checks, then its key: among the rows that are otherwise right, the latest of a key stays.

        {{ rejected_rows_of('deals') }}

    A value is looked at as text only where it is NULL once typed.
#}
{% macro rejected_rows_of(table_name) -%}
{%- set relation = source('raw', table_name) -%}
{%- if execute -%}
{%- set table = raw_table(table_name) -%}
{%- set meta = table.config.meta -%}
{%- set columns = table.columns.values() | list -%}
{%- set row_checks = meta.get('row_checks', {}) -%}
{%- set judged_by_type = (columns | selectattr('config.meta.required') | list) + (columns | selectattr('config.meta.rejects_row') | list) -%}
{%- set ids = [] -%}
{%- for column in columns if is_id(column, table) -%}{%- do ids.append(column) -%}{%- endfor -%}
{%- set read = (judged_by_type + ids) | map(attribute='name') | list + meta.key + [meta.latest_by] + (row_checks.values() | list) -%}
    with

    typed as (
        select
            _row_number,
            {%- for column in columns_named_in(read, columns) %}
            {{ column.name }} as raw_{{ column.name }},
            {{ to_contract_type(column) }} as {{ column.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ relation }}
    ),

    judged as {{ computed_once() }} (
        select
            _row_number,
            {{ meta.key | join(', ') }},
            {{ (meta.latest_by ~ ' as latest_by,') if meta.latest_by }}
            case
                {%- for column in columns if column.config.meta.required %}
                when {{ column.name }} is null and {{ to_text('raw_' ~ column.name) }} is null then '{{ column.name }}:missing_value'
                {%- endfor %}
                {%- for column in columns if column.config.meta.required or column.config.meta.rejects_row %}
                when {{ column.name }} is null and {{ to_text('raw_' ~ column.name) }} is not null then '{{ column.name }}:invalid_value'
                {%- endfor %}
                {%- for column in columns if column.config.meta.required and column.config.meta.get('values') %}
                when {{ column.name }} not in ('{{ column.config.meta['values'] | join("', '") }}') then '{{ column.name }}:not_accepted'
                {%- endfor %}
                {%- for column in ids %}
                when {{ column.name }} in ('(none)', '(unknown)') then '{{ column.name }}:reserved_value'
                {%- endfor %}
                {%- for reason, condition in row_checks.items() %}
                when {{ with_defaults(table_name, condition) }} then ':{{ reason }}'
                {%- endfor %}
            end as failure
        from typed
    ),

    {{ first_failures(meta) }}

    select
        '{{ table_name }}' as raw_table,
        raw_rows._row_number as row_number,
        {{ row_key(table) }} as row_key,
        nullif(split_part(verdicts.failure, ':', 1), '') as column_name,
        split_part(verdicts.failure, ':', 2) as reason,
        {{ row_as_json(columns) }} as raw_row
    from verdicts
    inner join {{ relation }} as raw_rows
        on verdicts._row_number = raw_rows._row_number
{%- endif -%}
{%- endmacro %}


{#
    The CTE `verdicts` of rejected_rows_of, and those that it needs: each row of `judged` that fails, with its failure; a row that is right but
    not the latest of its key fails, too.

    meta  that of the raw table: key, latest_by
#}
{% macro first_failures(meta) -%}
    {{ return(adapter.dispatch('first_failures', 'crm_kpis')(meta)) }}
{%- endmacro %}

{# Keys are grouped before anything is ranked: few keys are there twice, so few rows are sorted. #}
{% macro duckdb__first_failures(meta) -%}
    repeated_keys as (
        select {{ meta.key | join(', ') }}
        from judged
        where failure is null
        group by {{ meta.key | join(', ') }}
        having count(*) > 1
    ),

    ranked as (
        select
            judged._row_number,
            row_number() over (
                partition by {% for column in meta.key %}judged.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
                order by {{ 'judged.latest_by desc nulls last, ' if meta.latest_by }}judged._row_number desc
            ) as recency
        from judged
        inner join repeated_keys
            on {% for column in meta.key %}judged.{{ column }} = repeated_keys.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        where judged.failure is null
    ),

    verdicts as (
        select _row_number, failure from judged where failure is not null
        union all
        select _row_number, ':duplicate_key' as failure from ranked where recency > 1
    )
{%- endmacro %}

{# Spark would type all rows anew for each time that they are read. #}
{% macro default__first_failures(meta) -%}
    ranked as (
        select
            _row_number,
            failure,
            row_number() over (
                partition by {{ meta.key | join(', ') }}, failure
                order by {{ 'latest_by desc nulls last, ' if meta.latest_by }}_row_number desc
            ) as recency
        from judged
    ),

    verdicts as (
        select
            _row_number,
            coalesce(failure, ':duplicate_key') as failure
        from ranked
        where failure is not null or recency > 1
    )
{%- endmacro %}


{#
    Renders a query of the values of one raw table that staging turns into NULL: optional ones that are not of the column's type or not
    accepted, and those against one of the table's value_checks. Rows that are rejected as a whole are left out: their raw row is kept already.
    A check may read the day of a timestamp: created_on of created_at.

        {{ rejected_values_of('deals', ref('rejected_rows')) }}
#}
{% macro rejected_values_of(table_name, rejected_rows) -%}
{%- set relation = source('raw', table_name) -%}
{%- if execute -%}
{%- set table = raw_table(table_name) -%}
{%- set value_checks = table.config.meta.get('value_checks', {}) -%}
{%- set columns = table.columns.values() | list -%}
{#- Each entry is [column, reason, condition]. -#}
{%- set checks = [] -%}
{%- for column in columns -%}
    {%- if column.config.meta.required -%}
        {#- One that is not of its type, or not accepted, rejects the row. -#}
    {%- elif column.data_type != 'text' -%}
        {%- do checks.append([
            column.name, 'invalid_value', column.name ~ ' is null and ' ~ to_text('raw_' ~ column.name) ~ ' is not null'
        ]) -%}
    {%- elif column.config.meta.get('values') -%}
        {%- do checks.append([column.name, 'not_accepted', column.name ~ " not in ('" ~ column.config.meta['values'] | join("', '") ~ "')"]) -%}
    {%- endif -%}
    {%- for reason, condition in value_checks.get(column.name, {}).items() -%}
        {%- do checks.append([column.name, reason, condition]) -%}
    {%- endfor -%}
{%- endfor -%}
{%- if not checks -%}
    {{- return('') -}}
{%- endif -%}
{%- set conditions = checks | map(attribute=2) | list -%}
{%- set with_day = [] -%}
{%- for column in columns if column.data_type == 'timestamp' and day_of(column) in conditions | join(' ') -%}
    {%- do with_day.append(column) -%}
{%- endfor -%}
{%- set read = table.config.meta.key + conditions + with_day | map(attribute='name') | list -%}
    with

    typed as (
        select
            _row_number,
            {%- for column in with_day %}
            {{ local_date(to_contract_type(column)) }} as {{ day_of(column) }},
            {%- endfor %}
            {%- for column in columns_named_in(read, columns) %}
            {{ column.name }} as raw_{{ column.name }},
            {{ to_contract_type(column) }} as {{ column.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ relation }}
    ),

    flawed as (
        select *
        from typed
        where
            (
                {%- for column, reason, condition in checks %}
                ({{ condition }}){{ ' or' if not loop.last }}
                {%- endfor %}
            )
            and not exists (
                select 1
                from {{ rejected_rows }} as rejected
                where rejected.raw_table = '{{ table_name }}' and rejected.row_number = typed._row_number
            )
    ),

    -- The letter before a value keeps one that is missing.
    failures as (
        select
            _row_number,
            {{ row_key(table, 'raw_') }} as row_key,
            {%- for column, reason, condition in checks %}
            case when {{ condition }} then '=' || coalesce({{ to_text('raw_' ~ column) }}, '') end as {{ adapter.quote(column ~ ':' ~ reason) }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from flawed
    )

    select
        '{{ table_name }}' as raw_table,
        _row_number as row_number,
        row_key,
        split_part(failure, ':', 1) as column_name,
        split_part(failure, ':', 2) as reason,
        nullif(substr(failed_value, 2), '') as raw_value
    from failures
    unpivot (
        failed_value for failure in (
            {%- for column, reason, condition in checks %}
            {{ adapter.quote(column ~ ':' ~ reason) }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
    )
{%- endif -%}
{%- endmacro %}


{#
    The value of one column of a raw row that row_as_json has written, as text. The column's name is an expression.

        {{ value_in_row('raw_row', 'column_name') }} as raw_value
#}
{% macro value_in_row(raw_row, column_name) -%}
    {{ return(adapter.dispatch('value_in_row', 'crm_kpis')(raw_row, column_name)) }}
{%- endmacro %}

{% macro duckdb__value_in_row(raw_row, column_name) -%}
    json_extract_string({{ raw_row }}, '$.' || {{ column_name }})
{%- endmacro %}

{% macro default__value_in_row(raw_row, column_name) -%}
    get_json_object({{ raw_row }}, '$.' || {{ column_name }})
{%- endmacro %}
