"""Commands of a machine to which only a byte stream leads, such as a virtual machine.

`StreamBridge` gives a `Channel` to an init at the far end of a stream: the packets are the same,
and what the descriptors of a command carry is carried in frames. The far side is
`native/guest.c`.
"""

from agentos.machine.stream.bridge import StreamBridge

__all__ = ["StreamBridge"]
