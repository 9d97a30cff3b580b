package jobs

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

type atDefault struct{}

func (atDefault) Kind() string { return "test.at_default" }

type atIngress struct{}

func (atIngress) Kind() string { return "test.at_ingress" }

type atPull struct{}

func (atPull) Kind() string { return "test.at_pull" }

// A3: how late local work and work from elsewhere are decides what is shed; how late pull is does not.
func TestPressureGrowsAndEases(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		c := clock.NewFake(noon)
		j := New(Options{DB: d, IDs: ids.NewSource(c, 1), Clock: c})
		On(j, "test.default", Policy{Queue: Default}, func(context.Context, atDefault) error { return nil })
		On(j, "test.ingress", Policy{Queue: Ingress}, func(context.Context, atIngress) error { return nil })
		On(j, "test.pull", Policy{Queue: Pull}, func(context.Context, atPull) error { return nil })
		look := func(want Pressure, when string) {
			t.Helper()
			if err := j.press(ctx, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if got := j.Pressure(); got != want {
				t.Errorf("%s: %d, not %d", when, got, want)
			}
		}
		emit := func(list ...Event) {
			t.Helper()
			if err := d.Write(ctx, func(tx *db.Tx) error { return j.Emit(ctx, tx, list...) }); err != nil {
				t.Fatal(err)
			}
		}
		clear := func() {
			t.Helper()
			if err := d.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, "DELETE FROM jobs"); return err }); err != nil {
				t.Fatal(err)
			}
		}
		look(Calm, "nothing to do")
		emit(atPull{})
		c.Advance(time.Hour)
		look(Calm, "pull is an hour late")
		emit(atDefault{})
		look(Calm, "default has just got work")
		c.Advance(lateDefault)
		look(Late, "default is late")
		c.Advance(floodedDefault)
		look(Flooded, "default is very late")
		clear()
		look(Calm, "all is done")
		emit(atIngress{})
		c.Advance(lateDefault)
		look(Calm, "ingress may be later than default")
		c.Advance(lateIngress)
		look(Late, "ingress is late")
		c.Advance(floodedIngress)
		look(Flooded, "ingress is very late")
	})
}

func TestUnderPressurePullGetsWhatIsLeft(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		p := newPicker([]Share{{Queue: Pull, Weight: 100}, {Queue: Default, Weight: 1}}, strict)
		begin := turn{now: noon, slots: 10, free: 10, running: map[Queue]int{}, ready: map[Queue]bool{Pull: true, Default: true}, spare: true}
		p.begin(begin)
		if got := p.give(begin); len(got) != 1 || got[0] != (quota{Default, 10}) {
			t.Errorf("strict %v: both want slots: %v", strict, got)
		}
		alone := begin
		alone.ready = map[Queue]bool{Pull: true}
		p.begin(alone)
		if got := p.give(alone); len(got) != 1 || got[0] != (quota{Pull, 10}) {
			t.Errorf("strict %v: nobody else wants slots: %v", strict, got)
		}
	}
	p := newPicker([]Share{{Queue: Pull, Weight: 1}, {Queue: Default, Weight: 1}}, false)
	one := turn{now: noon, slots: 1, free: 1, running: map[Queue]int{}, ready: map[Queue]bool{Pull: true, Default: true}, spare: true}
	p.begin(one)
	p.give(one)
	one.now = noon.Add(starveAfter)
	p.begin(one)
	if got := p.give(one); len(got) != 1 || got[0].queue != Pull {
		t.Errorf("pull starves: %v", got)
	}
}
