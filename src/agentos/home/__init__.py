"""The AgentOS home: the user's own repository of settings, portfolio, memories and skills.

`setup` makes one or adopts a folder, `repository` puts it under git, `template/` is what it begins
with, `replacing` writes its files. `projects` knows which project of the settings is active.
"""
