#!/bin/sh
# found-out.sh SIM NAME: passes when the simulator, with its harness broken in the named way, fails and says why.
said=$("$1" --break "$2" --count 400)
[ $? -eq 1 ] || { echo "not found out: $said"; exit 1; }
case $said in
"seed "*": "*) echo "$said" ;;
*) echo "failed without a fault: $said"; exit 1 ;;
esac
