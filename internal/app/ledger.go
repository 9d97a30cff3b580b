package app

import (
	"context"
	"fmt"
	"strings"
)

const (
	// largestPool carries 480 slots: a connection is held only while a statement or a transaction runs (C7, E13).
	largestPool = 30
	// smallestPool is a reader and a writer.
	smallestPool = 2
	// ledgerFull and ledgerHigh are the parts of the database's connections that all processes may promise together, and at which that is said (C9).
	ledgerFull, ledgerHigh = 0.9, 0.8
)

// pools are how many connections each role can use.
var pools = map[string]int{"web": 20, "streaming": 4, "worker": 30, "scheduler": 2}

// poolFor sizes the pool of a process by its roles; a command works alone.
func poolFor(roles string) int {
	n := 0
	for role := range strings.SplitSeq(roles, ",") {
		n += pools[role]
	}
	if n == 0 {
		return smallestPool * 2
	}
	return min(n, largestPool)
}

// ledger keeps all processes together below what the database allows: this one takes what the others left, and says so (requirement C9).
// Behind a pooler its limits count, which it enforces itself.
func (b *base) ledger(ctx context.Context) error {
	limits, err := b.DB.Limits(ctx)
	if err != nil || limits.Connections == 0 || limits.Pooled {
		return err
	}
	wanted := b.Config.DBPool
	others, err := b.Process.Promise(ctx, wanted)
	if err != nil {
		return err
	}
	b.Metrics.GaugeFunc("db_connections_allowed", "Connections that the database takes from all clients together.", func() float64 { return float64(limits.Connections) })
	room := int(float64(limits.Connections)*ledgerFull) - others
	if room < smallestPool {
		return fmt.Errorf("C9: the database takes %d connections, and the other processes may open %d of them: none is left for this one. "+
			"Raise max_connections of PostgreSQL, lower DB_POOL of the others (see gomph processes), or put PgBouncer in transaction mode between", limits.Connections, others)
	}
	if room < wanted {
		b.Log.Warn("fewer connections are left than were asked for", "requirement", "C9", "asked", wanted, "taken", room, "others", others, "allowed", limits.Connections)
		if _, err := b.Process.Promise(ctx, room); err != nil {
			return err
		}
		b.Config.DBPool = room
		return b.DB.Resize(ctx, room)
	}
	if promised := others + wanted; float64(promised) > float64(limits.Connections)*ledgerHigh {
		b.Log.Warn("the processes may open most of the connections that the database takes", "requirement", "C9", "promised", promised, "allowed", limits.Connections)
	}
	return nil
}
