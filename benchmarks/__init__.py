"""Laboratory: comparisons with other projects and measurements of this one."""
