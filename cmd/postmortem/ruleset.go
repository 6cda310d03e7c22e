package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"postmortem/rules"
	"postmortem/rules/rule"
	"postmortem/rules/user"
)

// ruleFlags say which rules are asked.
type ruleFlags struct {
	paths         []string
	only, disable []string
}

func (fl *ruleFlags) flags(f *pflag.FlagSet) {
	addRulesFlag(f, &fl.paths)
	f.StringSliceVar(&fl.only, "only", nil, "ask the rules with these `IDS` only; may repeat")
	f.StringSliceVar(&fl.disable, "disable", nil, "do not ask the rules with these `IDS`; may repeat")
}

func addRulesFlag(f *pflag.FlagSet, paths *[]string) {
	f.StringArrayVar(paths, "rules", nil, "ask the rules of `PATH`, too, a YAML file or a directory of such; may repeat")
}

// set are the rules of the run, those that are not wanted turned off.
func (fl *ruleFlags) set() ([]*rule.Rule, error) {
	all, err := loadRules(fl.paths)
	if err != nil {
		return nil, err
	}
	set, err := rules.Select(all, fl.only, fl.disable)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return set, nil
}

// loadRules are the built-in rules and those of the paths.
func loadRules(paths []string) ([]*rule.Rule, error) {
	set := rules.Builtin()
	for _, path := range paths {
		loaded, err := loadFile(path)
		if err != nil {
			return nil, err
		}
		for _, r := range loaded {
			if rules.Find(set, r.ID) != nil {
				return nil, &exitError{exitInput, fmt.Errorf("%s: there is another rule %q: rename one of them", r.File, r.ID)}
			}
			set = append(set, r.Rule)
		}
	}
	return set, nil
}

// loadFile reads the rules of one path.
func loadFile(path string) ([]*user.Rule, error) {
	loaded, err := user.Load(path)
	var problems user.Problems
	switch {
	case errors.As(err, &problems) && len(problems) > 1:
		return nil, &exitError{exitInput, fmt.Errorf("%w: postmortem rules test %s tells all", err, path)}
	case err != nil:
		return nil, &exitError{exitInput, err}
	}
	return loaded, nil
}
