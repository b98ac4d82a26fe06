{% call flow_measures(ref('fct_emails'), day='sent_on', segments=['campaign']) %}
    count(*) as emails_sent
    count(is_delivered) as emails_with_known_delivery
    count(*) filter (where is_delivered) as emails_delivered
    count(*) filter (where is_delivered and is_opened) as delivered_emails_opened
    count(*) filter (where is_delivered and is_clicked) as delivered_emails_clicked
    count(*) filter (where is_delivered and is_unsubscribed) as delivered_emails_unsubscribed
    count(*) filter (where is_delivered and (is_clicked or is_replied)) as delivered_emails_responded
    count(*) filter (where is_opened) as emails_opened
    count(*) filter (where is_clicked) as emails_clicked
    count(*) filter (where is_bounced) as emails_bounced
{% endcall %}
