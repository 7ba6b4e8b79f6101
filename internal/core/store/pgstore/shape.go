package pgstore

// shape is what [sqlShape] finds in a new schema.
const shape = `
column calls.function text
column calls.id text
column calls.operation text
column calls.owner bigint
column calls.version text
column calls.wanted bigint
column deletions.at bigint
column deletions.id text
column documents.key text
column documents.kind text
column documents.sum bigint
column documents.value bytea
column executions.arn text
column executions.closed bigint
column executions.doing bigint
column executions.due bigint
column executions.error text
column executions.expires bigint
column executions.function text
column executions.id text
column executions.input_hash bytea
column executions.message text
column executions.name text
column executions.owner bigint
column executions.redriven boolean
column executions.since bigint
column executions.started bigint
column executions.state_sum bigint
column executions.status text
column executions.sum bigint
column executions.tags text
column executions.version text
column executions.wanted bigint
column files.at bigint
column files.content bigint
column files.name text
column files.parts bigint
column journal.data bytea
column journal.id text
column journal.seq bigint
column journal.sum bigint
column log.data bytea
column log.first bigint
column log.id text
column log.last bigint
column log.sum bigint
column log.upto bigint
column nodes.id bigint
column nodes.info bytea
column nodes.joined bigint
column nodes.until bigint
column parts.content bigint
column parts.data bytea
column parts.part bigint
column parts.sum bigint
column perdure.beats bigint
column perdure.documents bigint
column perdure.oldest bigint
column perdure.single boolean
column perdure.version bigint
column tags.execution text
column tags.key text
column tags.value text
index calls_owner USING btree (owner, id, operation) WHERE (owner > 0)
index calls_pkey USING btree (id, operation)
index calls_wanted USING btree (function, version, owner, wanted, id, operation)
index deletions_at USING btree (at)
index deletions_pkey USING btree (id)
index documents_pkey USING btree (kind, key)
index executions_due USING btree (owner, due, id) WHERE (due > 0)
index executions_error USING btree (error, function, version, status, id, redriven) WHERE ((status = 'FAILED'::text) OR (status = 'TIMED_OUT'::text) OR (status = 'STOPPED'::text))
index executions_expires USING btree (expires, id) WHERE (expires > 0)
index executions_function USING btree (function, id)
index executions_name USING btree (function, name) INCLUDE (id)
index executions_owner USING btree (owner, id) WHERE (owner > 0)
index executions_pkey USING btree (id)
index executions_running USING btree (id) INCLUDE (doing, since, function, version, status, error, redriven) WHERE ((status = 'RUNNING'::text) OR (doing > 0))
index executions_status USING btree (status, id) INCLUDE (function, version, error, doing, redriven) WHERE (status <> 'RUNNING'::text)
index executions_wanted USING btree (function, version, owner, wanted, id) WHERE (wanted > 0)
index files_at USING btree (at) WHERE (parts = 0)
index files_name USING btree (name) WHERE (parts > 0)
index files_pkey USING btree (content)
index journal_pkey USING btree (id, seq)
index log_pkey USING btree (id, first)
index nodes_pkey USING btree (id)
index parts_pkey USING btree (content, part)
index perdure_pkey USING btree (single)
index tags_execution USING btree (execution)
index tags_pkey USING btree (key, value, execution)
`
