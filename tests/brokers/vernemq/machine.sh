#!/bin/bash
# The first process of a machine: makes its file systems and its network, and then waits. Files are those of the
# machine that the tests run on, with changes in SYSTEM.
set -e
mount --make-rprivate /
mount -t proc proc /proc
for folder in etc opt usr var; do
    mkdir -p "$SYSTEM/$folder" "$SYSTEM/.work/$folder"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$SYSTEM/$folder,workdir=$SYSTEM/.work/$folder" "/$folder"
done
mount -t tmpfs tmpfs /run
tr -d - </proc/sys/kernel/random/uuid >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
mkdir -p /dev/disk
mount -t tmpfs tmpfs /dev/disk
mkdir -p /dev/disk/azure/scsi1
ln -s "$DISK" /dev/disk/azure/scsi1/lun0
printf '127.0.0.1 localhost %s\n%s\n' "$(hostname)" "$HOSTS" >/etc/hosts
echo nameserver 127.0.0.1 >/etc/resolv.conf # where none answers, and none lets a name wait
cat "$AUTHORITY" >>/etc/ssl/certs/ca-certificates.crt
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip link set lo up
ip address add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$GATEWAY"
# In Azure a machine that is gone is not seen to be gone: the network answers for its address.
for last in {10..19}; do
    [ "$ADDRESS" = "$NETWORK.$last" ] || ip neighbour add "$NETWORK.$last" lladdr "$LINK:$last" dev eth0 nud permanent
done
touch /run/ready
while :; do
    sleep 60 &
    wait
done
