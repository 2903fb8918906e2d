"""Skills: one SKILL.md source for every client."""
