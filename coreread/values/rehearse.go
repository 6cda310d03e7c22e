package values

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	dwarfutil "github.com/go-delve/delve/pkg/dwarf"
	"github.com/go-delve/delve/pkg/dwarf/frame"
	"github.com/go-delve/delve/pkg/dwarf/godwarf"
	"github.com/go-delve/delve/pkg/dwarf/line"
)

const (
	// maxTreeDepth is far deeper than compilers nest entries. Delve recurses with them.
	maxTreeDepth = 1 << 12
	// maxOpcodeBase is the first line opcode that DWARF 5 leaves to others. At an unknown one Delve prints a warning
	// on the standard output (next in its pkg/dwarf/line/state_machine.go).
	maxOpcodeBase = 13
	pointerSize   = 8
)

// rehearse does, where a panic can be recovered, what Delve is going to do on goroutines of its own, where it cannot
// (loadBinaryInfoElf in its pkg/proc/bininfo.go): with Delve's functions where they are to be had.
func (in *inputs) rehearse(data *dwarf.Data) error {
	if s := in.binaryELF.Section(".eh_frame"); s != nil && s.Type == elf.SHT_NOBITS && s.Size > maxRead {
		return fmt.Errorf("section .eh_frame of %d bytes holds none", s.Size)
	}
	if _, err := in.binaryELF.Symbols(); err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	info, err := godwarf.GetDebugSectionElf(in.binaryELF, "info")
	if err != nil {
		return err
	}
	dwarfutil.ReadUnitVersions(info)
	lines, err := godwarf.GetDebugSectionElf(in.binaryELF, "line")
	if err != nil {
		return err
	}
	lineStrings, _ := godwarf.GetDebugSectionElf(in.binaryELF, "line_str")
	w := entryWalk{reader: data.Reader(), lines: lines, lineStrings: lineStrings}
	if err := w.run(); err != nil {
		return err
	}
	frames, err := godwarf.GetDebugSectionElf(in.binaryELF, "frame")
	if err != nil {
		return err
	}
	_, err = frame.Parse(frames, binary.LittleEndian, 0, pointerSize, 0)
	return err
}

// entryWalk checks the tree of entries: Delve takes for granted that every list of children ends inside its unit.
type entryWalk struct {
	reader             *dwarf.Reader
	lines, lineStrings []byte

	inPartial bool
	// siblings holds, for each list of children that is open, where the entry with the list says that it ends
	// (DW_AT_sibling; 0 where it does not say). expected is that of the list that has just ended.
	siblings []dwarf.Offset
	expected dwarf.Offset
}

func (w *entryWalk) run() error {
	for {
		e, err := w.reader.Next()
		if err != nil {
			return err
		}
		if e == nil {
			if len(w.siblings) > 0 {
				return fmt.Errorf("the last unit ends inside %d entries", len(w.siblings))
			}
			return nil
		}
		if err := w.entry(e); err != nil {
			return fmt.Errorf("entry at offset %#x: %w", e.Offset, err)
		}
	}
}

func (w *entryWalk) entry(e *dwarf.Entry) error {
	if w.expected != 0 && w.expected != e.Offset {
		return fmt.Errorf("it should be at %#x", w.expected)
	}
	w.expected = 0
	switch e.Tag {
	case 0:
		if len(w.siblings) == 0 {
			return errors.New("it ends a list of children where there is none")
		}
		w.expected = w.siblings[len(w.siblings)-1]
		w.siblings = w.siblings[:len(w.siblings)-1]
		return nil
	case dwarf.TagCompileUnit, dwarf.TagPartialUnit:
		if len(w.siblings) > 0 {
			return fmt.Errorf("the unit before it ends inside %d entries", len(w.siblings))
		}
		w.inPartial = e.Tag == dwarf.TagPartialUnit
		if err := w.lineTable(e); err != nil {
			return err
		}
	case dwarf.TagImportedUnit:
		if w.inPartial {
			return errors.New("an imported unit imports others") // in a circle, for all that is known
		}
	}
	if e.Children {
		if len(w.siblings) == maxTreeDepth {
			return fmt.Errorf("it is nested %d deep", maxTreeDepth)
		}
		sibling, _ := e.Val(dwarf.AttrSibling).(dwarf.Offset)
		w.siblings = append(w.siblings, sibling)
	}
	return nil
}

// lineTable parses the header of a unit's line table.
func (w *entryWalk) lineTable(unit *dwarf.Entry) error {
	at, ok := unit.Val(dwarf.AttrStmtList).(int64)
	if !ok || at < 0 || at >= int64(len(w.lines)) {
		return nil // as Delve has it
	}
	dir, _ := unit.Val(dwarf.AttrCompDir).(string)
	table := line.Parse(dir, bytes.NewBuffer(w.lines[at:]), w.lineStrings, nil, 0, false, pointerSize)
	if table != nil && table.Prologue.OpcodeBase > maxOpcodeBase {
		return fmt.Errorf("line table at %#x: %d opcodes are more than are known", at, table.Prologue.OpcodeBase-1)
	}
	return nil
}
