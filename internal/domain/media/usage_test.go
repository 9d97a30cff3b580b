package media_test

import (
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestUsageAddsUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		if sums, first, err := w.Media.Usage(w.Ctx(), d, time.Time{}); err != nil || len(sums) != 0 || !first.IsZero() {
			t.Errorf("nothing: %v, %v, %v", sums, first, err)
		}
		began := w.Clock.Now()
		for _, list := range [][]media.Usage{{{"write", 1, 2, 3}, {"read", 4, 5, 6}}, {{"write", 10, 20, 30}}, nil} {
			if err := w.Media.AddUsage(w.Ctx(), list); err != nil {
				t.Fatal(err)
			}
		}
		w.Clock.Advance(26 * time.Hour)
		if err := w.Media.AddUsage(w.Ctx(), []media.Usage{{"write", 100, 200, 300}}); err != nil {
			t.Fatal(err)
		}
		sums, first, err := w.Media.Usage(w.Ctx(), d, began)
		if err != nil || sums["write"] != (media.Usage{Class: "write", Requests: 111, In: 222, Out: 333}) || sums["read"].Out != 6 || first != began.UTC().Truncate(24*time.Hour) {
			t.Errorf("%+v from %v, %v", sums, first, err)
		}
		sums, first, err = w.Media.Usage(w.Ctx(), d, w.Clock.Now())
		if err != nil || sums["write"].Requests != 100 || len(sums) != 1 || first != w.Clock.Now().UTC().Truncate(24*time.Hour) {
			t.Errorf("of the last day: %+v from %v, %v", sums, first, err)
		}
	})
}
