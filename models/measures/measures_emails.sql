{% call flow_measures(ref('fct_emails'), day='sent_on', segments=['campaign']) %}
    count(*) as emails_sent
    count(*) filter (where is_delivered) as emails_delivered
    count(*) filter (where is_opened) as emails_opened
    count(*) filter (where is_clicked) as emails_clicked
    count(*) filter (where is_bounced) as emails_bounced
    count(*) filter (where is_unsubscribed) as emails_unsubscribed
    count(*) filter (where is_clicked or is_replied) as emails_responded
{% endcall %}
