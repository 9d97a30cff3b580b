package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// changeAtOnce bounds the rows that an admin's command changes in one transaction, so that workers go on meanwhile.
const changeAtOnce = 1000

// states are the words for what a row is.
var states = map[string]int64{"waiting": waits, "running": runs, "dead": died, "held": aside}

// Filter says which jobs are meant. Absent fields mean any.
type Filter struct {
	// State is waiting, running, dead or held.
	State string
	Queue Queue
	// Kind is the name of a reaction, Error a part of the last error.
	Kind, Error string
	IDs         []int64
	Limit       int
	// after is where the next page begins.
	after int64
}

// Job is a row as an admin sees it.
type Job struct {
	ID      int64  `json:"id,string"`
	State   string `json:"state"`
	Queue   Queue  `json:"queue"`
	Kind    string `json:"kind"`
	Lane    string `json:"lane,omitempty"`
	Key     string `json:"key,omitempty"`
	Attempt int64  `json:"attempt"`
	// Due is when it runs next, or when it died.
	Due     time.Time `json:"due_at"`
	Created time.Time `json:"created_at"`
	// Worker is the process that runs it.
	Worker int64  `json:"worker,string,omitempty"`
	Error  string `json:"error,omitempty"`
	// Args are only there when one job is asked for.
	Args string `json:"args,omitempty"`
}

const jobColumns = "id, state, queue, kind, lane, unique_key, attempt, run_at, created_at, worker, last_error"

// whereFilter takes the parameters of Filter.args.
const whereFilter = ` WHERE (CAST($1 AS BIGINT) < 0 OR state = $1) AND ($2 = '' OR queue = $2) AND ($3 = '' OR kind = $3)
AND ($4 = '' OR REPLACE(last_error, $4, '') <> last_error) AND (CAST($5 AS BIGINT) = 0 OR id = ANY($6)) AND id > $7 ORDER BY id LIMIT $8`

func (f Filter) args() ([]any, error) {
	state := int64(-1)
	if f.State != "" {
		s, ok := states[f.State]
		if !ok {
			return nil, fmt.Errorf("there is no state %q; there are waiting, running, held and dead", f.State)
		}
		state = s
	}
	return []any{state, string(f.Queue), f.Kind, f.Error, len(f.IDs), db.Array(f.IDs), f.after, f.Limit}, nil
}

func scanJob(r db.Row, also ...any) (v Job, err error) {
	var state, due, created int64
	var queue string
	err = r.Scan(append([]any{&v.ID, &state, &queue, &v.Kind, &v.Lane, &v.Key, &v.Attempt, &due, &created, &v.Worker, &v.Error}, also...)...)
	for word, s := range states {
		if s == state {
			v.State = word
		}
	}
	v.Queue, v.Due, v.Created = Queue(queue), db.At(due), db.At(created)
	return v, err
}

// Find lists jobs, the oldest first.
func (j *Jobs) Find(ctx context.Context, f Filter) ([]Job, error) {
	args, err := f.args()
	if err != nil {
		return nil, err
	}
	return db.All(ctx, j.DB, func(r db.Row) (Job, error) { return scanJob(r) }, "SELECT "+jobColumns+" FROM jobs"+whereFilter, args...)
}

// Job reads one job with its arguments.
func (j *Jobs) Job(ctx context.Context, id int64) (Job, error) {
	var args string
	v, err := scanJob(j.DB.QueryRow(ctx, "SELECT "+jobColumns+", args FROM jobs WHERE id = $1", id), &args)
	if errs.IsNotFound(err) {
		return v, fmt.Errorf("there is no job %d; what succeeded is gone", id)
	}
	v.Args = args
	return v, err
}

// Retry has jobs run now that are dead or wait, as if they had never failed. It says how many.
func (j *Jobs) Retry(ctx context.Context, f Filter) (int64, error) {
	return j.change(ctx, f, `UPDATE jobs SET state = 0, attempt = 0, run_at = $2 WHERE id = ANY($1) AND (state = 2 OR state = 0 AND run_at > $2)`, db.Ms(j.Clock.Now()))
}

// Discard removes jobs that do not run. It says how many.
func (j *Jobs) Discard(ctx context.Context, f Filter) (int64, error) {
	return j.change(ctx, f, "DELETE FROM jobs WHERE id = ANY($1) AND state <> 1")
}

// change does something to all jobs that are meant, some at a time.
func (j *Jobs) change(ctx context.Context, f Filter, statement string, args ...any) (changed int64, err error) {
	if f.State == "" && f.Queue == "" && f.Kind == "" && f.Error == "" && len(f.IDs) == 0 {
		return 0, errors.New("say which jobs are meant")
	}
	f.Limit = changeAtOnce
	for {
		found, err := j.Find(ctx, f)
		if err != nil || len(found) == 0 {
			return changed, err
		}
		list := make([]int64, len(found))
		for i, v := range found {
			list[i] = v.ID
		}
		f.after = list[len(list)-1]
		err = j.DB.Write(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(ctx, statement, append([]any{db.Array(list)}, args...)...)
			changed += n
			return err
		})
		if err != nil {
			return changed, fmt.Errorf("changing jobs: %w", err)
		}
	}
}
