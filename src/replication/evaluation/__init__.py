"""How a trained net is scored: the error on a single view, the test protocols of section 3.4, ensembles."""
