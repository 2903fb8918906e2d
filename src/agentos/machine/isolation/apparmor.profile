# Lets the launcher of AgentOS make user namespaces, where AppArmor restricts them (Ubuntu
# 23.10 and later, AppArmor 4). Everything else about it stays as it is without a profile; what
# the machine's programs may do is the launcher's own business.
abi <abi/4.0>,
include <tunables/global>

profile agentos-vm "@LAUNCHER@" flags=(unconfined) {
  userns,

  include if exists <local/agentos-vm>
}
