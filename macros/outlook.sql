{#
    What customers are likely to do: models/intermediate/customers/int_purchase_model.sql and int_churn_chances.sql say how.

    Macros: log_gamma, churn_ages, churn_age, risk_group, outlook_words, joined_reasons.
#}

{#
    The logarithm of the gamma function of a number above 0.

        {{ log_gamma('shape + purchases') }} as log_gamma
#}
{% macro log_gamma(number) -%}
    {{ return(adapter.dispatch('log_gamma', 'crm_kpis')(number)) }}
{%- endmacro %}

{% macro duckdb__log_gamma(number) -%}
    lgamma({{ number }})
{%- endmacro %}

{#
    Stirling's series at ten more than the number, where four terms are wrong by less than 1e-12, brought back by
    gamma(x + 1) = x * gamma(x). At six more they are wrong by 8e-11: too much for the search of int_purchase_model to end at one point.
#}
{% macro default__log_gamma(number) -%}
    {%- set further = '(' ~ number ~ ' + 10)' -%}
    {%- set square = '(' ~ further ~ ' * ' ~ further ~ ')' -%}
    (
        ({{ further }} - 0.5) * ln({{ further }}) - {{ further }} + 0.9189385332046727
        + (
            1 / 12e0 - (1 / 360e0 - (1 / 1260e0 - 1 / (1680e0 * {{ square }})) / {{ square }}) / {{ square }}
        ) / {{ further }}
        - ln(
            {%- for step in range(10) %}({{ number }} + {{ step }}){{ ' * ' if not loop.last }}{% endfor -%}
        )
    )
{%- endmacro %}


{# The ages in months from which a subscriber's chance to leave has a rate of its own. #}
{% macro churn_ages() -%}
    {{ return([0, 3, 6, 12, 24]) }}
{%- endmacro %}


{#
    The last of these ages that a number of months has reached.

        {{ churn_age('age_months + 1') }} as age_group
#}
{% macro churn_age(months) -%}
    case {% for age in churn_ages()[1:] | reverse %}when {{ months }} >= {{ age }} then {{ age }} {% endfor %}else 0 end
{%- endmacro %}


{#
    The risk group of a chance to be no customer any more; '(none)' where it is not known.

        {{ risk_group('risk') }} as risk_group
#}
{% macro risk_group(risk) -%}
    case
        when {{ risk }} >= 0.9 then 'lost'
        when {{ risk }} >= 0.5 then 'high'
        when {{ risk }} >= 0.2 then 'middle'
        when {{ risk }} >= 0 then 'low'
        else '(none)'
    end
{%- endmacro %}


{# The words of customer_outlook.reasons_en and reasons_de, as literals. #}
{% macro outlook_words() -%}
    {{ return({
        'en': {
            'one_purchase': "'one purchase, on '",
            'purchases': "' purchases, the last on '",
            'overdue': "'next purchase was due on '",
            'no_purchase_model': "'no chance of a purchase: too few customers have bought twice'",
            'subscription_ends': "'subscription ends on '",
            'subscribed': "'subscription runs'",
            'subscription_ended': "'subscription ended on '",
            'no_churn_model': "'no chance to leave: too few subscribers have left'",
            'open_tickets': "'open tickets: '",
            'low_satisfaction': "'last satisfaction '",
            'of_five': "' of 5'",
            'decimal_mark': "'.'",
        },
        'de': {
            'one_purchase': "'ein Kauf, am '",
            'purchases': "' Käufe, zuletzt am '",
            'overdue': "'nächster Kauf war fällig am '",
            'no_purchase_model': "'keine Kaufwahrscheinlichkeit: zu wenige Kunden haben zweimal gekauft'",
            'subscription_ends': "'Abonnement endet am '",
            'subscribed': "'Abonnement läuft'",
            'subscription_ended': "'Abonnement endete am '",
            'no_churn_model': "'keine Kündigungswahrscheinlichkeit: zu wenige haben gekündigt'",
            'open_tickets': "'offene Tickets: '",
            'low_satisfaction': "'letzte Zufriedenheit '",
            'of_five': "' von 5'",
            'decimal_mark': "','",
        },
    }) }}
{%- endmacro %}


{#
    Texts joined by '; ', without those that are NULL.

        {{ joined_reasons(["case when open_tickets > 0 then 'open tickets' end"]) }} as reasons
#}
{% macro joined_reasons(texts) -%}
    concat_ws(
        '; ',
        {%- for text in texts %}
        {{ text }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
