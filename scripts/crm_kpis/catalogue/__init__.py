"""Documentation and tables that are made from the KPI catalogue."""
