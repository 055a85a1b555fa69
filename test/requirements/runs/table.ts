import { requirements } from "../requirement.js";

export const { oven, flour, moon, luck } = requirements(
  {
    oven: { missing: "there is no oven", remedy: "Buy one", installable: true, isMet: () => false },
    flour: { missing: "there is no flour", remedy: "Grind some", installable: true, isMet: () => true },
    moon: { missing: "this is not the moon", remedy: "Fly there", installable: false, isMet: () => false },
    luck: { missing: "luck ran out", remedy: "Try again", installable: false },
  },
  process.env.AIR_ONNX_REQUIRE,
);
