"""Cassettes: the calls of real agents, recorded once and replayed without a provider.

```python
async with cassette("fixes-the-test.yaml"):
    session = await vm.create_session("codex", model="openai/gpt-5.5")
    await session.prompt("Fix the failing test")
```

The first run asks the provider and writes the file; later runs read it and ask nobody.
"""
