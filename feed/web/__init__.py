"""The public site: pages, feeds, API, widget and sign-up."""
