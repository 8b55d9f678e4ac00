"""Where joules come from: one module per way of knowing them; `greenai_core.energy.survey` chooses among them."""
