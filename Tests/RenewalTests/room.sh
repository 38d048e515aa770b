#!/bin/sh
# A container's inside, made by hand, in namespaces of its own: an overlay as its root, the machine's
# own programs read-only, a user tfc-agent, and Docker's fourteen capabilities.
#
#   unshare --mount --pid --ipc --net --fork --kill-child room.sh DIRECTORY PROGRAM...
#
# PROGRAM, by its path in the room, is the first process. From the environment: ROOM_TRIAL and
# ROOM_LAUNCHER are the programs /trial and /launcher; ROOM_IMAGE changes the image, ROOM_MOUNTS adds
# mounts under $R, ROOM_DISK mounts over $D/disk, ROOM_LINK is a directory for /run/agent-link, and
# ROOM_CAPABILITIES adds some, as `,+name`.
set -eu
D=$1; R=$D/root; shift
mount --make-rprivate /
mkdir -p "$D/disk" "$D/lower" "$R"
# shellcheck disable=SC2153
eval "$ROOM_DISK"
mkdir -p "$D/disk/upper" "$D/disk/work"
cd "$D/lower"
mkdir -p etc home/tfc-agent/bin home/tfc-agent/.cache opt tmp var/tmp run proc sys dev usr
mkdir -p root verify
chmod 1777 tmp var/tmp; chmod 700 root verify
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
echo 'root:x:0:0::/root:/bin/sh' > etc/passwd
echo 'tfc-agent:x:1000:1000::/home/tfc-agent:/bin/sh' >> etc/passwd
printf 'root:x:0:\ntfc-agent:x:1000:\nstaff:x:50:tfc-agent\n' > etc/group
printf '#!/bin/sh\nexit 0\n' > home/tfc-agent/bin/tfc-agent
chmod 755 home/tfc-agent/bin/tfc-agent
echo 'umask 022' > home/tfc-agent/.profile
ln -s .profile home/tfc-agent/.bashrc
chown -hR 1000:1000 home/tfc-agent
eval "$ROOM_IMAGE"
cp "$ROOM_TRIAL" "$D/lower/trial"; cp "$ROOM_LAUNCHER" "$D/lower/launcher"
find . -exec touch -h -d '2026-01-02 03:04:05.678' {} +
mount -t overlay overlay -o "lowerdir=$D/lower,upperdir=$D/disk/upper,workdir=$D/disk/work" "$R"
mount --bind /usr "$R/usr"; mount -o remount,bind,ro "$R/usr"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
mknod -m 666 "$R/dev/null" c 1 3; mknod -m 666 "$R/dev/zero" c 1 5
mknod -m 666 "$R/dev/urandom" c 1 9; ln -s /proc/self/fd "$R/dev/fd"
mkdir "$R/dev/shm" "$R/dev/mqueue"
mount -t tmpfs -o mode=1777,size=512m tmpfs "$R/dev/shm"
mount -t mqueue -o rw mqueue "$R/dev/mqueue"; chmod 1777 "$R/dev/mqueue"
mount -t proc proc "$R/proc"
if [ "$ROOM_LINK" ]; then
    mkdir "$R/run/agent-link"; mount --bind "$ROOM_LINK" "$R/run/agent-link"
fi
eval "$ROOM_MOUNTS"
cd /
exec chroot "$R" /usr/bin/setpriv --bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,\
+mknod,+net_raw,+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,\
+audit_write"$ROOM_CAPABILITIES" /usr/bin/env -i HOME=/home/tfc-agent PATH=/usr/bin:/bin:/usr/sbin "$@"
