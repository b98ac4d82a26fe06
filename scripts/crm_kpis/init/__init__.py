"""A company's own project, written from the template in this package."""
