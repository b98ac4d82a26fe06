"""The steps of `crm-kpis run`."""
