package db

import (
	"context"
	"fmt"
)

const (
	// sweepAtOnce is how many rows one transaction of Sweep removes, few enough that nobody waits for it, and sweepRounds how many there are.
	sweepAtOnce = 1000
	sweepRounds = 50
)

// Sweep deletes rows a thousand at a time, fifty times at most: what is left is for the next time. The statement deletes at most as many rows as its
// last argument says, which is not given here.
func (d *DB) Sweep(ctx context.Context, doing, sql string, args ...any) error {
	args = append(args[:len(args):len(args)], sweepAtOnce)
	for range sweepRounds {
		var n int64
		err := d.Write(ctx, func(tx *Tx) (err error) {
			n, err = tx.Exec(ctx, sql, args...)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		if n < sweepAtOnce {
			return nil
		}
	}
	return nil
}
