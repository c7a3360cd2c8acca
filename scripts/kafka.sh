#!/usr/bin/env bash
# Runs a real Apache Kafka on this machine for tests: one node, or a second beside it.
#
#   scripts/kafka.sh start [--fresh]   prints the bootstrap address once it answers
#   scripts/kafka.sh stop              SIGTERM, and wait
#   scripts/kafka.sh kill              kill -9; the next start uses the same data
#   scripts/kafka.sh freeze | thaw     SIGSTOP | SIGCONT
#   scripts/kafka.sh status            exit 0 only if the broker answers
#   scripts/kafka.sh wipe              delete the data of a stopped broker
#   scripts/kafka.sh fetch             only download the jars
#
# KAFKA_PORT (19092) is the listener's port; the controller has the next one.
# KAFKA_ADVERTISED is the HOST:PORT that clients are told to go to, if not the listener's.
# KAFKA_DIR holds data, log and pid. By default each port has a folder of its own, so
# that brokers on different ports share nothing. The jars are in EVCP_CACHE (.cache).
# KAFKA_JOIN, the KAFKA_DIR of a running broker, makes this one the second of its cluster.
#
# With KAFKA_SECURE=FOLDER there are four more listeners, on the ports after the controller's:
#
#   +2 LOGIN     TLS; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; again every 4 s
#   +3 CERT      TLS; clients need a certificate
#   +4 EXPIRED   TLS, with the certificate of expired.pem
#   +5 OPEN      no TLS; SCRAM-SHA-256
#
# FOLDER holds server.pem and expired.pem (certificate and key), clients.pem (authorities of
# client certificates) and jwks.json (keys of tokens, whose audience is "kafka"). PLAIN has
# the user plain with the password right. Only who comes by the plain port may do
# everything; others need an access rule.
#
# Do not run two starts at once in the same KAFKA_DIR.
set -euo pipefail

# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

port=${KAFKA_PORT:-19092}
address=127.0.0.1:$port
dir=${KAFKA_DIR:-$cache/kafka/broker-$port}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

lib=$cache/kafka/lib
pom=$root/scripts/kafka/pom.xml
properties=$dir/server.properties
join=${KAFKA_JOIN:-}
pidfile=$dir/pid
secure=${KAFKA_SECURE:-}
options=() # of the virtual machine
log=$dir/kafka.log

die() {
  echo "kafka.sh: $*" >&2
  exit 1
}

# broker prints the recorded pid if that process is our broker: its command line
# names our properties file. After a crash another process may have the same pid.
broker() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  [[ $(command_line "$pid") == *" kafka.Kafka $properties "* ]] || return 1
  echo "$pid"
}

command_line() {
  if [[ -d /proc/self ]]; then
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null
  else
    echo "$(ps -ww -o command= -p "$1") "
  fi
}

# need prints the pid like broker, and exits if there is none.
need() {
  broker || die "no broker of $dir runs"
}

# answers requests the cluster's metadata (version 1, all topics) and succeeds if the
# response lists the broker, of a second one both: until then no topic can be made on it.
# The port accepts connections before the broker serves. Response: int32 size, int32
# correlation id, int32 number of brokers.
answers() {
  local reply brokers=1
  [[ -z $join ]] || brokers=2
  # shellcheck disable=SC2016 # the inner shell expands $0
  reply=$(timeout 3 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$0"
    printf "\0\0\0\016\0\003\0\001\0\0\0\007\377\377\377\377\377\377" >&3
    head -c 12 <&3 | od -An -v -tu1' "$port" 2>/dev/null) || return 1
  read -ra reply <<<"$reply"
  ((${#reply[@]} == 12 && reply[7] == 7 && reply[11] >= brokers))
}

# fetch downloads the jars once. The copy of the pom is written last: it marks the
# folder as complete, and for which versions.
fetch() {
  cmp -s "$pom" "$lib/pom.xml" && return
  have mvn || die "mvn is missing; it downloads the jars (Debian: apt-get install maven)"
  echo "kafka.sh: downloading the jars of Apache Kafka, about 55 MB" >&2
  local new=$lib.$$
  rm -rf "$new"
  mvn -q -B -Dstyle.color=never -f "$pom" dependency:copy-dependencies \
    "-DoutputDirectory=$new" -DincludeScope=runtime >&2 ||
    die "Maven did not download the jars"
  rm -rf "$lib"
  cp "$pom" "$new/pom.xml"
  mv "$new" "$lib"
}

# configure keeps Kafka's defaults, except for what a single node on loopback needs
# (its internal topics cannot have the usual three replicas), and for access rules: there
# are none until a test makes one.
configure() {
  local node="node.id=1
process.roles=broker,controller
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://$address,CONTROLLER://127.0.0.1:$((port + 1))"
  [[ -z $join ]] || node="node.id=2
process.roles=broker
$(grep ^controller.quorum.voters= "$join/server.properties")
listeners=PLAINTEXT://$address"
  cat >"$properties" <<EOF
$node
controller.listener.names=CONTROLLER
advertised.listeners=PLAINTEXT://${KAFKA_ADVERTISED:-$address}
log.dirs=$dir/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
EOF
}

# configure_secure adds the listeners of KAFKA_SECURE. Of a setting that stands twice the later
# counts. A listener's own settings begin with its name in small letters.
configure_secure() {
  local class=org.apache.kafka.common.security l=listener.name m
  local more=LOGIN://127.0.0.1:$((port + 2)),CERT://127.0.0.1:$((port + 3)),EXPIRED://127.0.0.1:$((port + 4)),OPEN://127.0.0.1:$((port + 5))
  options+=("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://$secure/jwks.json")
  cat >>"$properties" <<EOF
listeners=PLAINTEXT://$address,CONTROLLER://127.0.0.1:$((port + 1)),$more
advertised.listeners=PLAINTEXT://$address,$more
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LOGIN:SASL_SSL,CERT:SSL,EXPIRED:SSL,OPEN:SASL_PLAINTEXT
allow.everyone.if.no.acl.found=false
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location=$secure/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secure/clients.pem
$l.cert.ssl.client.auth=required
$l.expired.ssl.keystore.type=PEM
$l.expired.ssl.keystore.location=$secure/expired.pem
$l.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
$l.login.plain.sasl.jaas.config=$class.plain.PlainLoginModule required user_plain="right";
$l.login.scram-sha-256.sasl.jaas.config=$class.scram.ScramLoginModule required;
$l.login.scram-sha-512.sasl.jaas.config=$class.scram.ScramLoginModule required;
$l.login.oauthbearer.sasl.jaas.config=$class.oauthbearer.OAuthBearerLoginModule required;
$l.login.oauthbearer.sasl.server.callback.handler.class=$class.oauthbearer.OAuthBearerValidatorCallbackHandler
$l.login.oauthbearer.sasl.oauthbearer.jwks.endpoint.url=file://$secure/jwks.json
$l.login.oauthbearer.sasl.oauthbearer.expected.audience=kafka
$l.open.sasl.enabled.mechanisms=SCRAM-SHA-256
$l.open.scram-sha-256.sasl.jaas.config=$class.scram.ScramLoginModule required;
EOF
  for m in plain scram-sha-256 scram-sha-512 oauthbearer; do
    echo "$l.login.$m.connections.max.reauth.ms=4000" >>"$properties"
  done
}

# format writes a cluster id into a new data folder; an existing one keeps its own. A
# second broker has that of the first.
format() {
  [[ -e $dir/data/meta.properties ]] && return
  local id tool=(java -cp "$lib/*" kafka.tools.StorageTool)
  if [[ -n $join ]]; then
    id=$(sed -n 's/^cluster.id=//p' "$join/data/meta.properties")
  else
    id=$("${tool[@]}" random-uuid 2>>"$log") || fail "no cluster id"
  fi
  "${tool[@]}" format -t "$id" -c "$properties" >>"$log" 2>&1 || fail "the data folder could not be formatted"
}

# fail exits after a start that failed, with the end of the broker's log.
fail() {
  echo "kafka.sh: $*; the end of $log:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

# launch starts the broker in this process group, so that a signal to the group ends it
# too. nohup makes it ignore a closed terminal, and a background job ignores Ctrl-C.
launch() {
  nohup java -Xmx512m -Dorg.slf4j.simpleLogger.showDateTime=true \
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS" "${options[@]}" \
    -cp "$lib/*" kafka.Kafka "$properties" </dev/null >>"$log" 2>&1 &
  echo $! >"$pidfile"
}

# wait_ready looks in the shell's table of jobs whether the broker runs: just after the
# fork its command line is still this script's.
wait_ready() {
  local deadline=$((SECONDS + 180)) # several may start at once on a busy machine
  while ! answers; do
    [[ -n $(jobs -pr) ]] || fail "the broker ended while it started"
    if ((SECONDS >= deadline)); then
      kill -KILL $!
      fail "the broker did not answer within 180 s and was killed"
    fi
    sleep 0.2
  done
}

start() {
  if broker >/dev/null; then
    [[ ${1:-} != --fresh ]] || die "the broker runs; stop it before --fresh"
    answers || die "the broker runs but does not answer: frozen? (thaw)"
    echo "$address"
    return
  fi
  have java || die "java is missing (Debian: apt-get install default-jre-headless)"
  local p last=$((port + 1))
  [[ -z $secure ]] || last=$((port + 5))
  for ((p = port; p <= last; p++)); do
    ! taken "$p" || die "port $p is taken by another program; choose another KAFKA_PORT"
  done
  [[ ${1:-} != --fresh ]] || wipe
  fetch
  configure
  [[ -z $secure ]] || configure_secure
  format
  launch
  wait_ready
  echo "$address"
}

# stop also continues a frozen broker, which would not act on SIGTERM otherwise. It
# succeeds if no broker runs.
stop() {
  local pid
  pid=$(broker) || { rm -f "$pidfile"; return 0; }
  kill -TERM "$pid"
  kill -CONT "$pid" 2>/dev/null || true # gone already
  gone_within 30 || die "the broker (pid $pid) did not stop within 30 s; see kill"
}

kill_broker() {
  local pid
  pid=$(need)
  kill -KILL "$pid"
  gone_within 10 || die "the broker (pid $pid) outlived kill -9"
}

# gone_within waits for the broker's end, for so many seconds at most.
gone_within() {
  local deadline=$((SECONDS + $1))
  while broker >/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
  rm -f "$pidfile"
}

signal() {
  local pid
  pid=$(need)
  kill "-$1" "$pid"
}

status() {
  local pid
  pid=$(broker) || { echo "stopped"; return 1; }
  answers || { echo "pid $pid does not answer at $address"; return 1; }
  echo "pid $pid answers at $address"
}

wipe() {
  ! broker >/dev/null || die "the broker runs; stop it first"
  rm -rf "$dir/data" "$log" "$pidfile" "$properties"
}

case "${1:-}" in
  start) start "${2:-}" ;;
  stop) stop ;;
  kill) kill_broker ;;
  freeze) signal STOP ;;
  thaw) signal CONT ;;
  status) status ;;
  wipe) wipe ;;
  fetch) fetch ;;
  *) die "start [--fresh], stop, kill, freeze, thaw, status, wipe or fetch?" ;;
esac
