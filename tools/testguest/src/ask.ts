/** Start of the line that the guest prints once it follows xenstore; its kind, `pv` or `pvh`, comes next. */
export const TESTGUEST_UP = 'TESTGUEST-UP';

/** Longest wait for a sign of the guest, in seconds: one request may read a whole disk, under emulation on a busy machine. */
const ANSWER_TIMEOUT_S = 300;

/** Watches the request's node, writes the request, and shows the answer once the guest has emptied the node. */
const ASK_SCRIPT = `
node=/local/domain/$1/data/testguest
coproc WATCH { exec xenstore-watch "$node/request"; }
watch_pid=$WATCH_PID
trap 'kill "$watch_pid"' EXIT
read -r -u "\${WATCH[0]}" _
xenstore-write "$node/request" "$2"
while [ -n "$(xenstore-read "$node/request")" ]; do
  read -r -t ${ANSWER_TIMEOUT_S} -u "\${WATCH[0]}" _ || { echo "no answer from domain $1" >&2; exit 1; }
done
xenstore-read "$node/reply"
`;

/**
 * The command, for a Dom0 with bash and the xenstore tools, that asks a guest to do something and prints its answer: `ok`
 * or `error`, and more. A guest that is not up yet answers when it is. Ends with status 1 when no answer comes.
 */
export function askTestguest(domid: number, request: string): readonly string[] {
  return ['bash', '-c', ASK_SCRIPT, 'ask-testguest', String(domid), request];
}
