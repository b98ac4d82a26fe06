{#
    How models become tables and views: by one `create or replace`, which takes the place of the last build as a whole or not at all. dbt's own
    materializations build under another name, rename twice, drop, and look for keys and indexes to carry over: ten statements a model, whose Python
    costs more than all SQL does on small data. Hooks are run; indexes and grants are not looked at.

    Macros: replace_relation, replace_spark_table, compute_once, with_expected_doubles, with_ctes_on_lines, with_steps_read, read_at_once.
#}
{% materialization table, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('table', compiled_code)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(crm_kpis.replace_relation('view', compiled_code)) }}
{% endmaterialization %}

{#
    Makes the model that is built, in place of the one from the last build. A contract is checked against what was made, in a transaction, which
    models without contract and hooks need not: dbt's own check plans the query a second time before it is run.

    kind   `table` or `view`
    query  the model's SQL, to which the company's own columns are added; the contract is that of the others
#}
{% macro replace_relation(kind, query) %}
    {%- set query, own_columns = crm_kpis.with_own_columns(query) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=kind) -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set needs_transaction = has_contract or pre_hooks or post_hooks -%}
    {%- do run_hooks(pre_hooks) -%}
    {%- if existing is not none and existing.type != kind -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main', auto_begin=needs_transaction) -%}
        create or replace {{ kind }} {{ target }} as (
            {{ query }}
        )
    {%- endcall -%}
    {%- if has_contract -%}
        {%- do get_assert_columns_equivalent(crm_kpis.query_without_own_columns(target, own_columns)) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks) -%}
    {%- if needs_transaction -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{#
    On Spark, too, a model is made by one statement, beside the one that drops the table before it. In the formats delta and iceberg one takes its
    place as a whole. CRM_KPIS_SPARK_FILE_FORMAT names the format.
#}
{% materialization table, adapter='spark' %}
    {{ return(crm_kpis.replace_spark_table(compiled_code)) }}
{% endmaterialization %}

{#
    Makes the table of the model that is built, on Spark, in place of the one from the last build, and checks its contract.

    Where Spark does not compile its plans to Java (for small data, which takes less time than that), it does so for a model with
    `meta: {computes_much: true}`: long formulas of many rows. RESET puts back what the configuration has.

    query  the model's SQL, to which the company's own columns are added
#}
{% macro replace_spark_table(query) %}
    {%- set query, own_columns = crm_kpis.with_own_columns(query) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set file_format = env_var('CRM_KPIS_SPARK_FILE_FORMAT', 'parquet') -%}
    {%- set can_replace = file_format in ['delta', 'iceberg'] -%}
    {%- set compiled = ['spark.sql.codegen.wholeStage=true', 'spark.sql.codegen.factoryMode=FALLBACK']
        if config.get('meta', {}).get('computes_much') and adapter.type() == 'spark'
        and env_var('CRM_KPIS_SPARK_METHOD', 'session') in ['session', 'thrift'] else [] -%}
    {%- do run_hooks(pre_hooks) -%}
    {%- for setting in compiled -%}
        {%- call statement('compile') -%} set {{ setting }} {%- endcall -%}
    {%- endfor -%}
    {%- set query, computed = crm_kpis.compute_once(query, file_format) -%}
    {%- if existing is not none and not can_replace -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create {{ 'or replace ' if can_replace }}table {{ target }} using {{ file_format }} as
        {{ crm_kpis.read_at_once(query) }}
    {%- endcall -%}
    {%- for setting in compiled -%}
        {%- call statement('interpret') -%} reset {{ setting.split('=')[0] }} {%- endcall -%}
    {%- endfor -%}
    {%- for relation in computed -%}
        {%- do adapter.drop_relation(relation) -%}
    {%- endfor -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(crm_kpis.query_without_own_columns(target, own_columns)) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks) -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{#
    Spark plans and computes a CTE anew wherever it is read. This makes a table of each CTE that is read more than once and long enough for a table
    to take less time than to plan it again, with all that it reads; and of a CTE that is too long, so, to be planned with what reads it. Returns the
    query that reads these tables, and the tables, which are to be dropped afterwards.

    query    CTEs begin and end at the beginning of a line; a query in which others do so is left as it is
    again    how many letters of SQL take as long to plan as a table takes to make
    at_once  how many letters are planned together at most; their time grows faster than their number
#}
{% macro compute_once(query, file_format, again=6000, at_once=20000) %}
    {%- set steps = modules.re.finditer('(?ms)^(\\w+)( [(][^()\n]*[)])? as +[(]\n(.*?)\n[)](?=,\n|\n *\n)', query) | list -%}
    {%- set begun = modules.re.findall('(?m)^\\w+[^\n]* as +[(]$', query) | length -%}
    {%- if not steps or begun > steps | length or modules.re.findall('(?m)^with$', query) | length > 1 -%}
        {{ return([query, []]) }}
    {%- endif -%}
    {%- set after_steps = query[(steps | last).end():] -%}
    {%- set read = modules.re.findall('\\b(?:from|join) (\\w+)', query) -%}
    {%- set sizes, tables, known = {}, [], [] -%}
    {%- for step in steps -%}
        {%- set name, columns, body = step.group(1), step.group(2) or '', step.group(3) -%}
        {%- set size = namespace(letters=body | length) -%}
        {%- for source in modules.re.findall('\\b(?:from|join) (\\w+)', body) -%}
            {%- set size.letters = size.letters + sizes.get(source, 0) -%}
        {%- endfor -%}
        {%- if (read.count(name) - 1) * size.letters < again and size.letters < at_once -%}
            {%- do sizes.update({name: size.letters}) -%}
            {%- do known.append([name, columns, body]) -%}
        {%- else -%}
            {%- set table = this.incorporate(path={'identifier': this.identifier ~ '__' ~ name}, type='table') -%}
            {%- set once = crm_kpis.with_steps_read(known + [[name, columns, body]], '\n\nselect * from ' ~ name) -%}
            {%- call statement('drop_computed') -%} drop table if exists {{ table }} {%- endcall -%}
            {%- call statement('compute') -%}
                create table {{ table }} using {{ file_format }} as
                {{ crm_kpis.read_at_once(once) }}
            {%- endcall -%}
            {%- do tables.append(table) -%}
            {%- do known.append([name, '', '    select * from ' ~ table]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return([crm_kpis.with_steps_read(known, after_steps), tables]) }}
{% endmacro %}

{#
    A unit test, whose query is planned once, as it fills a table. dbt's own materialization plans it for the types of its columns, and again for
    its rows.
#}
{% materialization unit, adapter='duckdb' %}
    {%- set actual = adapter.quote(this.identifier ~ '__actual') -%}
    {%- call statement('actual') -%} create or replace temp table {{ actual }} as {{ sql }} {%- endcall -%}
    {%- set types = crm_kpis.types_of(actual) -%}
    {%- set expected_rows = config.get('expected_rows') -%}
    {%- set names, expected = [], [] -%}
    {%- for name in (expected_rows[0] if expected_rows else types) -%}
        {%- do names.append(name | lower) -%}
    {%- endfor -%}
    {%- for row in expected_rows or [] -%}
        {%- do expected.append('select ' ~ crm_kpis.typed_row(row, types, 'expected output', names)) -%}
    {%- endfor -%}
    {%- set expected_sql = config.get('expected_sql') or expected | join('\nunion all ') or 'select * from ' ~ actual ~ ' limit 0' -%}
    {%- call statement('main', fetch_result=True) -%}
        {{ get_unit_test_sql('select * from ' ~ actual, expected_sql, names | map('tojson') | list) }}
    {%- endcall -%}
    {%- call statement('drop_actual') -%} drop table {{ actual }} {%- endcall -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#
    On Spark a unit test of a long model needs the tables that the model itself needs. What it computes is a table as well: dbt's own materialization
    plans the query twice, for the types of its columns and for its rows.
#}
{% materialization unit, adapter='spark' %}
    {%- set query, computed = crm_kpis.compute_once(crm_kpis.with_ctes_on_lines(sql), 'parquet') -%}
    {%- set actual = this.incorporate(type='table') -%}
    {%- set types, quoted = {}, {} -%}
    {%- call statement('drop_actual') -%} drop table if exists {{ actual }} {%- endcall -%}
    {%- call statement('actual') -%} create table {{ actual }} using parquet as {{ query }} {%- endcall -%}
    {%- for column in adapter.get_columns_in_relation(actual) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
        {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
    {%- set expected_rows = config.get('expected_rows') -%}
    {%- set names = (expected_rows[0] if expected_rows else types).keys() | list -%}
    {%- set expected = config.get('expected_sql') or get_expected_sql(expected_rows, types, quoted) -%}
    {%- set columns, doubles = [], [] -%}
    {%- for name in names -%}
        {%- do columns.append(quoted[name | lower]) -%}
        {%- do doubles.append(quoted[name | lower]) if types[name | lower] == 'double' -%}
    {%- endfor -%}
    {%- set is_paired = doubles and (expected_rows or config.get('expected_sql')) -%}
    {%- set found = crm_kpis.with_expected_doubles(actual, expected, columns, doubles) if is_paired else 'select * from ' ~ actual -%}
    {%- call statement('main', fetch_result=True) -%}
        {{ get_unit_test_sql(found, expected, columns) }}
    {%- endcall -%}
    {%- for relation in [actual] + computed -%}
        {%- do adapter.drop_relation(relation) -%}
    {%- endfor -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#
    The rows of a unit test, in which each double is the expected one where they differ by less than a billionth: the last digits of exp and ln are
    not the same on all engines. Rows are paired in the order of all columns.

    actual    the table with the rows that the model computes
    expected  the query for those that are expected
    columns   the names of all columns, quoted
    doubles   those of type double
#}
{% macro with_expected_doubles(actual, expected, columns, doubles) -%}
    {%- set order = [] -%}
    {%- for column in columns -%}
        {%- do order.append(column) if column not in doubles -%}
    {%- endfor -%}
    {%- for column in doubles -%}
        {%- do order.append('round(' ~ column ~ ', 6)') -%}
    {%- endfor -%}
    {%- set order = (order + doubles) | join(', ') -%}
    select
        {%- for column in columns %}
        {% if column in doubles -%}
        case
            when abs(a.{{ column }} - e.{{ column }}) <= 1e-9 * greatest(abs(a.{{ column }}), abs(e.{{ column }})) then e.{{ column }}
            else a.{{ column }}
        end as {{ column }}
        {%- else -%}
        a.{{ column }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor %}
    from (select *, row_number() over (order by {{ order }}) as unit_test_place from {{ actual }}) as a
    left join (select *, row_number() over (order by {{ order }}) as unit_test_place from ({{ expected }}) as expected_rows) as e
        on a.unit_test_place = e.unit_test_place
{%- endmacro %}

{# A query with the given rows of a unit test, which dbt puts before the model's own CTEs, each on a line of its own, as compute_once reads them. #}
{% macro with_ctes_on_lines(query) %}
    {{ return(modules.re.sub('(?m)^ *(with|[)],)\\s+(\\w+(?: [(][^()\n]*[)])? as [(])$', '\\1\n\n\\2', query)) }}
{% endmacro %}

{#
    A query with those of the CTEs before it that it reads, or that these read: Spark analyses the others, too.

    steps  a list of [name, columns, body]
    rest   the query behind the CTEs
#}
{% macro with_steps_read(steps, rest) %}
    {%- set found = namespace(words=modules.re.findall('\\w+', rest), ctes=[]) -%}
    {%- for name, columns, body in steps | reverse -%}
        {%- if name in found.words -%}
            {%- set found.words = found.words + modules.re.findall('\\w+', body) -%}
            {%- set found.ctes = [name ~ columns ~ ' as (\n' ~ body ~ '\n)'] + found.ctes -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(('with\n\n' ~ found.ctes | join(',\n\n') if found.ctes else '') ~ rest) }}
{% endmacro %}

{#
    A query that reads each table in one part, where a run found that the data are small (adaptive execution is off): one task computes all steps,
    which takes less time than to send the rows from one task to another, each of which must be planned, sent and started. Models with
    `meta: {many_rows: true}` are left alone: their rows are worth a second core. The alias is what the table was called before.

    query  `from crm_kpis.fct_deals as deals` becomes `from (select /*+ coalesce(1) */ * from crm_kpis.fct_deals) as deals`
#}
{% macro read_at_once(query) %}
    {%- if not env_var('CRM_KPIS_SPARK_AT_ONCE', '') or config.get('meta', {}).get('many_rows') -%}
        {{ return(query) }}
    {%- endif -%}
    {#- Two blanks, so that the second pattern finds none of what the first one wrote. -#}
    {%- set table = '\\b(from|join) (' ~ target.schema ~ '(?:_raw|_settings|_snapshots)?[.](\\w+))\\b' -%}
    {%- set query = modules.re.sub(table ~ '(?! as\\b)', '\\1 (select /*+ coalesce(1) */ * from  \\2) as \\3', query) -%}
    {{ return(modules.re.sub(table ~ '(?= as\\b)', '\\1 (select /*+ coalesce(1) */ * from  \\2)', query)) }}
{% endmacro %}
