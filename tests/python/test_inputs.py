"""What a measure cannot do without follows from what its model reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from crm_kpis.catalogue.inputs import Input, derive_inputs
from crm_kpis.init.write import init_project

CALL = "{{% call crm_kpis.{call} %}}\n    {line}\n{{% endcall %}}\n"


def inputs_of(project: Path, sql: str) -> set[tuple[int, str]]:
    """The inputs of the one measure of a company's model, each as its number and its column."""
    (project / "models" / "measures" / "own_measures.sql").write_text(sql, encoding="utf-8")
    return {
        (found.number, ".".join(filter(None, (found.raw_table, found.raw_column, found.accepted_value))))
        for found in derive_inputs(project)
    }


@pytest.fixture
def acme(tmp_path) -> Path:
    return init_project(tmp_path / "acme")


def test_a_measure_needs_its_date_and_the_columns_of_its_line(acme):
    call = "flow_measures(ref('crm_kpis', 'fct_deals'), day='closed_on', segments=['team'])"
    sql = CALL.format(call=call, line="sum(amount) filter (where is_lost) as lost_revenue")
    assert inputs_of(acme, sql) == {
        (1, "deals.closed_at"),
        (2, "deals.amount"),
        (3, "deals.status.lost"),
    }


def test_one_of_several_columns_is_enough(acme):
    call = "stock_measures(ref('crm_kpis', 'fct_tickets'), first_day='resolved_on', end_day='x', segments=[])"
    assert inputs_of(acme, CALL.format(call=call, line="count(*) as resolved")) == {
        (1, "ticket_events.event_type.resolved"),
        (1, "tickets.resolved_at"),
    }


def test_a_condition_on_an_accepted_value_needs_that_value(acme):
    condition = "where=\"survey_type = 'ces'\""
    fact = "ref('crm_kpis', 'fct_survey_responses')"
    call = f"flow_measures({fact}, day='responded_on', segments=[], {condition})"
    sql = CALL.format(call=call, line="count(*) as answers")
    assert inputs_of(acme, sql) == {(1, "survey_responses.survey_type.ces")}
    assert inputs_of(acme, sql.replace("'ces'", "'other'")) == {(1, "survey_responses.survey_type")}


def test_a_median_needs_its_value(acme):
    sql = (
        "{{ crm_kpis.median_measure('effort', ref('crm_kpis', 'fct_leads'), day='created_on', value='score',"
        " segments=['owner']) }}"
    )
    assert inputs_of(acme, sql) == {(1, "leads.created_at"), (2, "leads.score")}


def test_a_segment_is_no_need(acme):
    call = "flow_measures(ref('crm_kpis', 'fct_deals'), day='created_on', segments=['amount', 'closed_on'])"
    assert inputs_of(acme, CALL.format(call=call, line="-- count(*) as none_of_it")) == set()
    assert inputs_of(acme, CALL.format(call=call, line="count(*) as deals")) == {(1, "deals.created_at")}


def test_a_model_says_what_else_its_measure_needs(acme):
    tests = acme / "models" / "measures" / "_measures.yml"
    tests.write_text(
        "models: [{name: own_measures, config: {meta: {needs: {deals: [deals.stage]}}}}]", encoding="utf-8"
    )
    call = "flow_measures(ref('crm_kpis', 'fct_deals'), day='created_on', segments=[])"
    assert inputs_of(acme, CALL.format(call=call, line="count(*) as deals")) == {(1, "deals.stage")}


def test_an_own_column_needs_itself(acme):
    call = "flow_measures(ref('crm_kpis', 'fct_deals'), day='created_on', segments=[])"
    sql = CALL.format(call=call, line="count(*) filter (where competitor = 'ACME') as against_acme")
    (acme / "models" / "measures" / "own_measures.sql").write_text(sql, encoding="utf-8")
    own = {"fct_deals": {"competitor": ["deals.competitor"]}}
    assert derive_inputs(acme, own_needs=own) == [
        Input("against_acme", 1, "deals", "created_at", None),
        Input("against_acme", 2, "deals", "competitor", None),
    ]
