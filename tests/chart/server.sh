# Sourced by run.sh: etcd and kube-apiserver on loopback ports of their own, in
# $work; stopped by stop_server, whatever happened.

server_pids=()

free_ports() { # free_ports N: N ports that nobody listens on, on one line
	python3 - "$1" <<-'END'
		import socket, sys
		sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
		for each in sockets:
		    each.bind(("127.0.0.1", 0))
		print(*(each.getsockname()[1] for each in sockets))
	END
}

background() { # background NAME COMMAND...
	local name=$1
	shift
	"$@" >"$work/$name.log" 2>&1 </dev/null &
	server_pids+=($!)
}

# wait_until SECONDS WHAT COMMAND...: not longer than what was started last lives
wait_until() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)) || ! kill -0 "${server_pids[-1]}" 2>/dev/null; then
			echo "FAILED: $what did not come about"
			return 1
		fi
		sleep 0.1
	done
}

start_server() {
	local etcd_port peer_port api_port
	read -r etcd_port peer_port api_port < <(free_ports 3)
	openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
	echo "chart-test,admin,1,system:masters" >"$work/tokens.csv"
	background etcd "$etcd" --data-dir "$work/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls "http://127.0.0.1:$etcd_port" \
		--advertise-client-urls "http://127.0.0.1:$etcd_port" \
		--listen-peer-urls "http://127.0.0.1:$peer_port" \
		--initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
		--initial-cluster "default=http://127.0.0.1:$peer_port"
	# No controllers run, so nobody would make the accounts that pods need.
	background kube-apiserver "$apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
		--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api_port" \
		--cert-dir "$work/api" --endpoint-reconciler-type none --allow-privileged \
		--service-cluster-ip-range 10.96.0.0/24,fd00:96::/112 \
		--disable-admission-plugins ServiceAccount \
		--token-auth-file "$work/tokens.csv" --authorization-mode Node,RBAC \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-key-file "$work/accounts.key" \
		--service-account-signing-key-file "$work/accounts.key"
	cat >"$work/kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: test
		contexts: [{name: test, context: {cluster: test, user: admin}}]
		clusters: [{name: test, cluster: {server: "https://127.0.0.1:$api_port", certificate-authority: "$work/api/apiserver.crt"}}]
		users: [{name: admin, user: {token: chart-test}}]
	END
	export KUBECONFIG="$work/kubeconfig"
	wait_until 120 "a ready API server" "$kubectl" get --raw /readyz &&
		wait_until 30 "the namespace default" "$kubectl" get namespace default
}

stop_server() {
	local pid
	# The last started goes first: the API server misses its store noisily.
	for ((index = ${#server_pids[@]} - 1; index >= 0; index--)); do
		pid=${server_pids[index]}
		kill "$pid" 2>/dev/null
		for _ in {1..100}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	server_pids=()
}
