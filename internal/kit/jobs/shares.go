package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxWeight bounds a weight: beyond it one queue is as good as alone.
const maxWeight = 1000

// Share is a queue's part in a worker.
type Share struct {
	Queue Queue
	// Weight is its part of the picks in weighted order (default 1).
	Weight int
	// Cap is the most slots it may hold, 0 for all.
	Cap int
	// Min is how many slots the others leave to it.
	Min int
}

// ParseShares reads what --queues was given. One value that lists names is strict order, "default,ingress,push"; values of a
// name and a weight share, "default,4" "push,2" (requirements E11, E12). A name may be followed by cap=N, the most slots that
// the queue may hold, and min=N, the slots that others leave to it: "push,4,cap=25", or "default,min=4,ingress,push,cap=25".
func ParseShares(values []string) (shares []Share, strict bool, err error) {
	weighted := false
	for _, v := range values {
		first := len(shares)
		hasWeight := false
		for _, word := range strings.Split(v, ",") {
			word = strings.TrimSpace(word)
			name, value, isOption := strings.Cut(word, "=")
			n, nerr := strconv.Atoi(value)
			if !isOption {
				n, nerr = strconv.Atoi(word)
			}
			switch {
			case !isOption && nerr != nil:
				if shares, err = addShare(shares, word); err != nil {
					return nil, false, err
				}
			case len(shares) == first:
				return nil, false, fmt.Errorf("%q must follow the name of a queue", word)
			case !isOption:
				hasWeight = true
				shares[len(shares)-1].Weight = n
				if n < 1 || n > maxWeight {
					return nil, false, fmt.Errorf("the weight of queue %s must be from 1 to %d", shares[len(shares)-1].Queue, maxWeight)
				}
			case nerr != nil || n < 1:
				return nil, false, fmt.Errorf("%s of queue %s must be a number from 1 on", name, shares[len(shares)-1].Queue)
			case name == "cap":
				shares[len(shares)-1].Cap = n
			case name == "min":
				shares[len(shares)-1].Min = n
			default:
				return nil, false, fmt.Errorf("a queue has a weight, cap=N and min=N, but no %q", name)
			}
		}
		list := len(shares)-first > 1
		if list && hasWeight {
			return nil, false, fmt.Errorf("%q: a list of queues is a strict order, which has no weights; give each queue with a weight a --queues of its own", v)
		}
		strict = strict || list
		weighted = weighted || hasWeight
	}
	if len(shares) == 0 {
		return nil, false, errors.New("no queue was named")
	}
	if strict && weighted {
		return nil, false, errors.New("a strict order and weights do not go together")
	}
	return shares, strict || len(shares) == 1 && !weighted, nil
}

func addShare(shares []Share, name string) ([]Share, error) {
	q := Queue(name)
	if !slices.Contains(Queues, q) {
		return nil, fmt.Errorf("there is no queue %q; there are default, push, ingress, pull, mailers and scheduler", q)
	}
	if slices.ContainsFunc(shares, func(s Share) bool { return s.Queue == q }) {
		return nil, fmt.Errorf("queue %s is named twice", q)
	}
	return append(shares, Share{Queue: q, Weight: 1}), nil
}

// FormatShares writes shares as ParseShares reads them, with spaces between the values.
func FormatShares(shares []Share, strict bool) string {
	words := make([]string, 0, len(shares))
	for _, s := range shares {
		word := string(s.Queue)
		if !strict {
			word += "," + strconv.Itoa(max(s.Weight, 1))
		}
		if s.Cap > 0 {
			word += ",cap=" + strconv.Itoa(s.Cap)
		}
		if s.Min > 0 {
			word += ",min=" + strconv.Itoa(s.Min)
		}
		words = append(words, word)
	}
	if strict {
		return strings.Join(words, ",")
	}
	return strings.Join(words, " ")
}
