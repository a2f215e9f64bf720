# node: its heap's own memory, buffers, zlib, cryptography, threads of workers.
limit=120
need() { have node && { node -e 0 >/dev/null || { echo "node does not run"; false; }; }; }

setup() {
	cat >work.js <<-'END'
		const zlib = require('zlib'), crypto = require('crypto');
		const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
		function work(k) {
			const m = new Map();
			let x = k + 1;
			for (let i = 0; i < 200000; i++) {
				x = x * 16807 % 2147483647;
				m.set('k' + x % 5003, (m.get('k' + x % 5003) || '') + String.fromCharCode(97 + x % 26));
			}
			const text = JSON.stringify([...m].sort());
			const z = zlib.deflateSync(Buffer.from(text));
			return [text.length, zlib.inflateSync(z).length,
				crypto.createHash('sha256').update(text).digest('hex')];
		}
		if (!isMainThread) { parentPort.postMessage(work(workerData)); return; }
		console.log(work(9));
		const list = [];
		for (let i = 0; i < 2000; i++) list.push(Buffer.alloc(i * 17 % 100000, i % 256));
		console.log(list.reduce((s, b) => s + b.length + (b.length ? b[b.length - 1] : 0), 0));
		Promise.all([1, 2, 3].map(k => new Promise((done, fail) => {
			const w = new Worker(__filename, { workerData: k });
			w.on('message', done); w.on('error', fail);
		}))).then(r => { console.log(r); console.error('to stderr'); process.exitCode = 4; });
	END
}

status=4
run() { node "$data/work.js"; }
