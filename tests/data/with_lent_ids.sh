#!/bin/sh
# Run a command as an ordinary user to whom the system lends ids, as root:
#
#     unshare -m sh with_lent_ids.sh UID FIRST COUNT COMMAND...
#
# The user and the ids are there for the command only: in its mount namespace, files in memory
# cover the host's own. With COUNT 0 nothing is lent.
set -eu
uid=$1 first=$2 count=$3
shift 3
mount -t tmpfs -o mode=755 none /mnt
cp /etc/passwd /mnt/passwd
echo "borrower$uid:x:$uid:$uid::/nonexistent:/bin/sh" >> /mnt/passwd
test "$count" = 0 || echo "borrower$uid:$first:$count" > /mnt/ids
touch /mnt/ids
mount --bind /mnt/passwd /etc/passwd
mount --bind /mnt/ids /etc/subuid
mount --bind /mnt/ids /etc/subgid
umount -l /mnt
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@"
