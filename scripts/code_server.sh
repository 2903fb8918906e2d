#!/bin/sh
# The editor of tests/vscode: VS Code as a server, from npm alone.
#
#   scripts/code_server.sh DIRECTORY      then: AGENTOS_TEST_CODE_SERVER=DIRECTORY make test ...
#
# No script of a package runs and nothing is compiled, so this editor has no terminals and takes
# no passwords.
set -eu

CODE_SERVER=4.100.3
NODE=20.20.2

[ -e "$1/code-server" ] && exit
case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "no Node.js $NODE for $(uname -m) in npm" >&2; exit 1 ;;
esac
export npm_config_ignore_scripts=true npm_config_audit=false npm_config_fund=false
rm -rf "$1"
mkdir -p "$1"
cd "$1"
echo '{ "private": true }' >package.json
npm install "code-server@$CODE_SERVER" "node-linux-$arch@$NODE"
(cd node_modules/code-server/lib/vscode && npm install --omit=dev)

# It loads this to hash passwords, which it is never given.
hashing=$(find node_modules -path '*/argon2/argon2.js')
echo 'module.exports = {};' >"$hashing"

cat >code-server <<END
#!/bin/sh
exec "$PWD/node_modules/node-linux-$arch/bin/node" "$PWD/node_modules/code-server/out/node/entry.js" "\$@"
END
chmod +x code-server
echo "in $PWD: code-server $(HOME=$PWD ./code-server --version | tail -n 1)"
