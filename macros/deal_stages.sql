{#
    What the history of a deal's stages means.

    Macros: is_before_close.
#}

{#
    Whether a deal entered a stage on its way to the close. An entry at the close or after it (such as 'Won') is the outcome. Of a close without
    a time the hour is not known: what was entered at some hour of that day was on the way, if the deal is known to have ended in another stage.

        where {{ is_before_close('entries.entered_at', 'deals.closed_at', 'entries.stage <> deals.stage') }}

    ended_elsewhere  a condition; NULL: not known
#}
{% macro is_before_close(entered_at, closed_at, ended_elsewhere) -%}
    (
        {{ closed_at }} is null
        or {{ entered_at }} < {{ closed_at }}
        or ({{ entered_at }} > {{ closed_at }} and {{ closed_at }} = {{ start_of_day(local_date(entered_at)) }} and {{ ended_elsewhere }})
    )
{%- endmacro %}
