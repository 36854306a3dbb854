#!/bin/bash
# What the machines' scripts need of systemctl, for one unit with a user of its own: it really starts and stops what
# the unit's file says.
unit="${!#}"
folder="/run/units/$unit"
file="/etc/systemd/system/$unit.service"
mkdir -p "$folder"
of() { sed -n "s/^$1=//p" "$file"; }
active() { cat "$folder/active" 2>/dev/null || echo inactive; }

# Everything that the unit started, as a control group has it.
everything() { ps -u "$(of User)" -o pid= 2>/dev/null; }

supervise() {
    local user code begun
    user=$(of User)
    ulimit -n "$(of LimitNOFILE)" 2>/dev/null || ulimit -n "$(ulimit -Hn)"
    install --directory --owner "$user" "/run/$(of RuntimeDirectory)" "/var/log/$(of LogsDirectory)"
    while :; do
        begun=$(of ExecStart)
        # shellcheck disable=SC2086 # words of their own
        setpriv --reuid "$user" --regid "$user" --init-groups \
            env -i PATH="$PATH" "$(of Environment)" $begun </dev/null &
        echo $! >"$folder/main"
        wait $!
        code=$?
        # shellcheck disable=SC2046
        kill -9 $(everything) 2>/dev/null
        if [ -e "$folder/stop" ] || [ "$code" -eq 0 ] || [ "$code" -eq 143 ]; then
            break
        fi
        echo activating >"$folder/active"
        sleep "$(of RestartSec)"
        if [ -e "$folder/stop" ]; then
            break
        fi
        echo active >"$folder/active"
    done
    echo inactive >"$folder/active"
}

case "$1" in
daemon-reload) ;;
is-active) [ "$(active)" = active ] ;;
show) active ;;
start)
    if [ ! -e "$file" ]; then
        echo "Failed to start $unit.service: Unit $unit.service not found." >&2
        exit 5
    fi
    [ "$(active)" = inactive ] || exit 0
    rm -f "$folder/stop"
    echo active >"$folder/active"
    supervise >>"/var/log/$unit.journal" 2>&1 8>&- 9>&- &
    ;;
stop)
    if [ ! -e "$file" ]; then
        echo "Failed to stop $unit.service: Unit $unit.service not loaded." >&2
        exit 5
    fi
    [ "$(active)" != inactive ] || exit 0
    touch "$folder/stop"
    # shellcheck disable=SC2046
    kill $(everything) 2>/dev/null
    for ((try = 1; try <= 10 * $(of TimeoutStopSec); try++)); do
        [ "$(active)" != inactive ] || exit 0
        sleep 0.1
    done
    # shellcheck disable=SC2046
    kill -9 $(everything) 2>/dev/null
    sleep 1
    ;;
*)
    echo "systemctl $*: not played" >&2
    exit 99
    ;;
esac
