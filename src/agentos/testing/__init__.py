"""Stand-ins and real parts for tests of programs that use AgentOS."""
