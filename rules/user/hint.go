package user

import (
	"fmt"
	"maps"
	"slices"
)

// hint names the key of the vocabulary that a misspelt one comes closest to.
func hint(word string) string {
	keys := map[string]bool{}
	for _, s := range words().structs {
		for key := range s.fields {
			keys[key] = true
		}
	}
	return closest(word, slices.Sorted(maps.Keys(keys)))
}

// closest is ": did you mean …?" with the word of few differences, "" when none is near.
func closest(word string, known []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is how many bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
