package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// threadReplies are the answers to a post of another server, threadPage of them on a page of its collection.
	threadReplies, threadPage = 10_000, 100
	// threadGrowth is how many times the memory of the first run the last one may take.
	threadGrowth = 1.5
)

// longThread is a server with one person, a post and its answers, which nobody was sent.
type longThread struct {
	*town
	size  int
	asked atomic.Int64
}

func (l *longThread) note(n int) map[string]any {
	at := fmt.Sprintf("%s/notes/%d", l.base, n)
	doc := map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": at, "type": "Note", "attributedTo": l.actor(0), "content": "<p>" + words + "</p>",
		"to": []string{"https://www.w3.org/ns/activitystreams#Public"}, "cc": []string{}, "published": time.Now().UTC().Add(-24*time.Hour + time.Duration(n)*time.Second).Format(time.RFC3339)}
	if n == 0 {
		doc["replies"] = map[string]any{"id": l.base + "/replies", "type": "Collection", "first": l.base + "/replies?page=0"}
	} else {
		doc["inReplyTo"] = l.base + "/notes/0"
	}
	return doc
}

// answer shows the person, the posts, and the pages of answers.
func (l *longThread) answer(w http.ResponseWriter, r *http.Request) {
	l.asked.Add(1)
	if n, found := strings.CutPrefix(r.URL.Path, "/notes/"); found {
		i, _ := strconv.Atoi(n)
		l.write(w, l.note(i))
		return
	}
	if r.URL.Path != "/replies" {
		l.town.answer(w, r)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	doc := map[string]any{"id": l.base + r.URL.RequestURI(), "type": "CollectionPage", "partOf": l.base + "/replies"}
	var items []string
	for i := page*threadPage + 1; i <= min((page+1)*threadPage, l.size); i++ {
		items = append(items, fmt.Sprintf("%s/notes/%d", l.base, i))
	}
	doc["items"] = items
	if (page+1)*threadPage < l.size {
		doc["next"] = fmt.Sprintf("%s/replies?page=%d", l.base, page+1)
	}
	l.write(w, doc)
}

// thread measures how a thread of ten thousand answers is filled once somebody opened it. The pauses between its runs are left out.
func (b *bench) thread(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	f, err := newTown()
	if err != nil {
		return err
	}
	defer f.close()
	l := &longThread{town: f, size: b.times(threadReplies)}
	f.srv.Handler = http.HandlerFunc(l.answer)
	text, err := ask(ctx, client(), http.MethodGet, b.s.url+"/api/v2/search?resolve=true&type=statuses&q="+url.QueryEscape(f.base+"/notes/0"), b.reader.Token, nil)
	if err != nil {
		return err
	}
	var found struct{ Statuses []struct{ ID string } }
	if err := json.Unmarshal(text, &found); err != nil || len(found.Statuses) != 1 {
		return fmt.Errorf("the thread was not found: %.200s (%w)", text, err)
	}
	began := time.Now()
	if _, err := ask(ctx, client(), http.MethodGet, b.s.url+"/api/v1/statuses/"+found.Statuses[0].ID+"/context", b.reader.Token, nil); err != nil {
		return err
	}
	most, runs, err := b.fillRuns(ctx, l)
	if err != nil {
		return err
	}
	took := time.Since(began)
	b.report.add("an answer of a long thread, fetched and stored", ms(took)/float64(l.size), "ms", 0, "%d answers in %d runs, %s s without the pauses between them, %d requests", l.size, runs, figure(took.Seconds()), l.asked.Load())
	b.report.add("memory at the end of filling a long thread, against that after its first run", most, "", threadGrowth, "resident set, the most of any run")
	return nil
}

// fillRuns lets each run begin at once that would wait, until all answers are there; it gives how much the memory grew.
func (b *bench) fillRuns(ctx context.Context, l *longThread) (growth float64, runs int, err error) {
	first := 0.0
	for ctx.Err() == nil {
		here, err := db.Value[int64](ctx, b.db, "SELECT COUNT(*) FROM statuses WHERE uri LIKE $1", l.base+"/notes/%")
		if err != nil {
			return 0, 0, err
		}
		rss, err := b.s.rss()
		if err != nil {
			return 0, 0, err
		}
		if first > 0 {
			growth = max(growth, rss/first)
		}
		if here > int64(l.size) {
			return max(growth, 1), runs + 1, nil
		}
		var moved int64
		if err := b.db.Write(ctx, func(tx *db.Tx) (err error) {
			moved, err = tx.Exec(ctx, "UPDATE jobs SET run_at = $1 WHERE kind = 'activitypub.fill_thread' AND state = 0 AND run_at > $2", time.Now().UnixMilli(), time.Now().Add(time.Minute).UnixMilli())
			return err
		}); err != nil {
			return 0, 0, err
		}
		if moved > 0 {
			runs++
			if first == 0 {
				first = rss
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, 0, ctx.Err()
}
