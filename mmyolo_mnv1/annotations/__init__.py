"""Making and converting annotations: needs neither torch nor OpenMMLab."""
