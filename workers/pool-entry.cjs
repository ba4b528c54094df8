/**
 * What Piscina loads in a worker of the pool: the module that `workerData.module` names, and that
 * by `import()`.
 *
 * Piscina gives its file to `require()` first. If that is an ES module and the thread is terminated
 * while it loads, the whole process aborts, by an assertion in Node. Heaps that are closed soon
 * after their first collection do just that. So this file is CommonJS, in development too.
 *
 * Piscina awaits what is exported, the task, before the worker takes any. When the import fails,
 * Piscina imports this file instead, gets the same promise, and reports the failure.
 */
const { workerData } = require('node:worker_threads');

module.exports = import(workerData.module).then(({ default: task }) => task);
